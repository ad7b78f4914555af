"""Cells as shapely polygons: an independent second opinion in two dimensions."""
