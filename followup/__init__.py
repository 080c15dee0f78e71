"""The pure core: bursts, strategies, visibility, plans, state machines, ports and errors. No I/O here."""
