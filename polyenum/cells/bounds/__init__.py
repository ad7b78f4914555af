"""Bounds that hold for every activation pattern, which vertex cells and LP cells share."""
