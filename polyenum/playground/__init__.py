"""A page to play with: train a small network, and watch its exact regions move."""
