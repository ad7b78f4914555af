"""Cells as half-spaces and points inside: linear programming instead of vertices, for any dimension."""
