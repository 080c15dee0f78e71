"""The preflight of a telescope: is all there that a night needs? ``followup gft check``."""
