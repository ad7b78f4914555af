"""RegionComplex: all regions together, and what follows from them."""
