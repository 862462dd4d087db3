"""The JSON schema of the genotype file."""
