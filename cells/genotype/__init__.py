"""The two cells as data: their file, canonical form, other notations, and the published ones."""
