"""A sky with bursts in it, and telescopes that look at it.

Implements the ports of `followup` (devices, reference catalogue) for drills, demonstrations and tests. What
the simulator knows (true positions, true magnitudes) never reaches the reduction: a telescope hands over
pixels and headers only.
"""
