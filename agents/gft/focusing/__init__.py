"""Keeping the telescope in focus: star sizes, the curve through them, the run, and when one is due."""
