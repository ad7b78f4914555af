"""Benchmarks: every figure beside what it is held against, both measured in one run."""
