"""Genotypes of image cells, and the networks stacked from them."""

__version__ = "0.1.0"
