"""Enumeration: the walk on threads, and the calls that start it."""
