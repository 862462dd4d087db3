"""The configuration of a search: its schema, and the parts that it stands for."""
