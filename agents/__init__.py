"""The sites' agents: science centre, telescopes, relay. None of the three imports another."""
