"""Recurrent cells: the other half of Zoph & Le 2017, as data and as Keras layers.

    import keras
    from cells import recurrent

    layer = keras.layers.RNN(recurrent.build("nas", units=64), return_sequences=True)

Names are imported when they are first used, and Keras by `build`, `layer_class` and `RecurrentCell`
only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = [
    "Highway",
    "HighwayNode",
    "Inject",
    "Node",
    "RecurrentCell",
    "RecurrentGenotype",
    "Tree",
    "build",
    "layer_class",
    "load",
    "names",
    "save",
]

if TYPE_CHECKING:
    from cells.recurrent.api import load, names, save
    from cells.recurrent.genotype import (
        Highway,
        HighwayNode,
        Inject,
        Node,
        RecurrentGenotype,
        Tree,
    )
    from cells.recurrent.keras_layer import RecurrentCell
    from cells.recurrent.layer import build, layer_class
else:
    from cells.support.lazy import lazy

    __getattr__, __dir__ = lazy(__name__)
