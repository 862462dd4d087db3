"""Trained weights of other libraries, checked name by name and shape by shape."""

from cells.weight_sources._importing import Imported, import_weights
from cells.weight_sources._sources import SOURCES, WeightSource

__all__ = ["SOURCES", "Imported", "WeightSource", "import_weights"]
