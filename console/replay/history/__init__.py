"""Bursts of history: a sky of published photometry, real alerts, and what our telescopes make of them."""
