"""The schema of layer-wise networks."""
