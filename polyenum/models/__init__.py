"""Reading models: each operation becomes a function of affine maps and activations."""
