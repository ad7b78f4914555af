"""vertex cells: vertices and bitmasks of tight hyperplanes, compiled."""
