"""Data sets that are made from what the dependencies ship: digits, and scenes of digits."""
