"""Measured figures, as ratios against peers; each module offers `run` and is runnable by itself."""
