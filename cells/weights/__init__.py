"""Trained weights of other libraries, checked name by name and shape by shape."""

from cells.weights.importing import Imported, import_weights
from cells.weights.sources import SOURCES, WeightSource

__all__ = ["SOURCES", "Imported", "WeightSource", "import_weights"]
