"""The nightly drill: a source that does not exist, put into real frames, followed up as a burst would be."""
