"""The shape of the code, measured from its syntax trees; nothing of it is imported."""
