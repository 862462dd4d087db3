"""The configuration of a detector: its schema and experiments."""
