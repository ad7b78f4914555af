"""Walking from region to region around a point, nearest first: where nobody enumerates everything."""
