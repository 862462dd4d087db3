"""The loop of a search: ask, evaluate, tell; and what follows it."""
