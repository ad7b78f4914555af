"""Files in general: npz archives read with suspicion, and files written whole."""
