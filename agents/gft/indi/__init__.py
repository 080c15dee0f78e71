"""The device ports of `followup.devices` over INDI: one `indiserver`, and its drivers' ways of failing.

`telescope` makes a `followup.devices.Telescope` of the devices that `settings` names. Each device has its own
time-outs; whatever a driver does (refuses, stalls, disconnects, dies) ends in a
`followup.errors.DeviceError` that says what happened, and whether asking again is safe.

References
----------
Downey, E. C., 2007, INDI: Instrument-Neutral Distributed Interface, protocol version 1.7; the standard
properties of the INDI library.
"""
