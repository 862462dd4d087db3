"""Weights that come with the package: small networks; README.md beside this file tells all."""
