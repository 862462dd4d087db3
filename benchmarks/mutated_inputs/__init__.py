"""Readers of files from outside, tried on valid files that were damaged at random."""
