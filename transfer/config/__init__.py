"""The configuration of a training: schema, experiments, and how files and flags change them."""
