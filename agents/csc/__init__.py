"""The science centre: triggers, follows, downloads, verifies, archives, answers."""
