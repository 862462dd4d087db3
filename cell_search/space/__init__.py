"""Search spaces: which decisions make a candidate, and what a candidate stands for."""
