"""The layer of Keras 3 as a class that can be imported; whoever does has it registered."""

from __future__ import annotations

import keras

from cells.recurrent.layer import layer_class

RecurrentCell = layer_class(keras)
