"""Benchmarks: each figure has a floor beside it, measured in the same run."""
