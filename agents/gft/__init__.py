"""What a telescope does: it answers triggers, plans, observes, reduces on site, and reports.

`planning` keeps what an instant answer needs at hand; `reduction` turns raw frames into photometry. Devices
are reached through the ports of `followup.devices`; nothing here knows whether they are simulated.
"""
