"""On-site reduction: from raw frames to a light curve, with photutils and astropy.

It knows the pixels and headers of frames, a catalogue of reference stars and the trigger, nothing else. It
sends nothing and schedules nothing. Nothing is imported here: photutils takes a second to load.
"""
