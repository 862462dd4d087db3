"""Genotypes of image cells, and the networks stacked from them."""

from cells.support.version import __version__

__all__ = ["__version__"]
