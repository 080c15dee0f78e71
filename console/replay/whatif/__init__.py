"""What if: the same trigger, with another strategy, at another site, in other weather, at another time.

The telescope's agent is the real one. What was never taken cannot be played: the devices are simulated, under
a sky made of what was recorded.
"""
