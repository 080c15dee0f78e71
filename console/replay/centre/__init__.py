"""Replays against the science centre: the real agent, with an archive of its own; the others are played."""
