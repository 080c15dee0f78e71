"""Pictures of a campaign as PNG bytes, drawn with matplotlib's object interface on Agg.

pyplot is never used: it keeps global state, and figures are drawn in threads. `style` holds what all of
them share; one module a picture.
"""
