"""Saved results: complexes in files that hold everything and execute nothing."""
