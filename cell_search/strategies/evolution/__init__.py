"""Strategies that mutate earlier candidates."""
