"""DARTS: a relaxed supernet is trained once, and its cells are read off."""
