"""Scores a candidate by a short training."""
