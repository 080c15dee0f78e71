"""The subcommands: what they take, and what they say. The work is done elsewhere."""
