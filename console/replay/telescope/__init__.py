"""Replays against the telescope: the real agent; devices and the others are played from the record."""
