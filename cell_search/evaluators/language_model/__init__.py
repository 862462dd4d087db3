"""Scores a recurrent cell by a language model of it."""
