"""A training by Model Garden's trainer: task, devices, checkpoints, failures."""
