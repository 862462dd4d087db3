"""The JSON schema of evolved graphs."""
