"""Measured figures, as ratios against peers or goals; each module offers `run`: ``python -m benchmarks``."""
