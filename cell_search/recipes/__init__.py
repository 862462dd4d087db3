"""Whole trainings in the children's engine: what a network is worth once it is trained well."""
