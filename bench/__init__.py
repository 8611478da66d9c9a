"""Measurements; `make bench` runs them and prints ratios taken in one run."""
