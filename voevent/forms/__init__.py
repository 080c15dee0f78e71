"""How each kind of packet is laid out: one module a kind, its writing and its reading side by side."""
