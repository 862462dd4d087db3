"""The search of record, the random search beside it, and what their cells are worth."""
