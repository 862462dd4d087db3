"""Recurrent cells as a layer of either Keras namespace, for its `layers.RNN`."""

from __future__ import annotations

import functools
import importlib
from typing import Any

from cells.checks.arguments import fitted
from cells.recurrent import catalogue, recurrent_file
from cells.recurrent.counts import shapes
from cells.recurrent.formula import Library, highway_step, tree_step
from cells.recurrent.genotype import Tree
from cells.support.errors import UserError
from cells.support.settings import Bounds

#: Of `units` and `projection`.
_WIDTH = Bounds(least=1, most=100_000)
_RATE = Bounds(least=0, below=1)


def build(cell: Any, units: int, *, keras: Any = None, **settings: Any) -> Any:
    """Builds a recurrent cell as a Keras layer, to be used as `keras.layers.LSTMCell` is.

    Args:
        cell: a name of `catalogue`, the path of a file, or a `RecurrentGenotype`.
        units: width of the cell.
        keras: the module `keras` (by default) or `tf_keras`.
        **settings: what else `RecurrentCell` takes, such as `dropout` and `recurrent_dropout`.

    Returns:
        A `RecurrentCell` of that namespace, for its `layers.RNN`.

    Raises:
        UserError: there is no such cell, or a setting is impossible.

    Example:
        >>> import keras
        >>> layer = keras.layers.RNN(recurrent.build("nas", units=8), return_sequences=True)
        >>> layer(keras.ops.ones((2, 5, 3))).shape
        TensorShape([2, 5, 8])
    """
    return layer_class(keras)(cell, units, **settings)


def layer_class(keras: Any = None) -> type:
    """The class `RecurrentCell` of a Keras namespace, registered so that files with it open.

    Args:
        keras: the module `keras` (by default) or `tf_keras`.

    Returns:
        The class; the same at every call.

    Example:
        >>> recurrent.layer_class().__name__
        'RecurrentCell'
    """
    return _layer_class(keras or importlib.import_module("keras"))


@functools.cache
def _layer_class(keras: Any) -> type:
    # Those of Keras's own cells, which keep one dropout mask for a whole sequence.
    bases = keras.layers.LSTMCell.__bases__
    keras_3 = hasattr(keras, "ops")
    library = library_of(keras)

    @keras.saving.register_keras_serializable("cells")
    class RecurrentCell(*bases):  # type: ignore[misc]
        """A recurrent cell: a tree or highway nodes as `cells.recurrent.genotype` describes them.

        Its states are `[h, c]` for a tree and `[h]` for a highway cell. Weights are those of
        `cells.recurrent.counts.shapes`; for `nas` they are, in the same order, those of
        TensorFlow Addons' `NASCell`.

        Args:
            cell: a name, a file, a `RecurrentGenotype`, or its JSON values.
            units: width of the cell.
            projection: width of h where a matrix makes it of the last node (trees only).
            use_bias: whether leaves have a bias (trees only).
            kernel_initializer: of all matrices.
            dropout: rate for x_t, the same places in all steps of a sequence.
            recurrent_dropout: the same for h_{t-1}, and for all states of a highway cell that a
                matrix multiplies.
            seed: of dropout.
        """

        def __init__(
            self,
            cell: Any,
            units: int,
            projection: int | None = None,
            use_bias: bool = False,
            kernel_initializer: Any = "glorot_uniform",
            dropout: float = 0.0,
            recurrent_dropout: float = 0.0,
            seed: int | None = None,
            **kwargs: Any,
        ):
            super().__init__(**kwargs if keras_3 else {**kwargs, "seed": seed})
            if isinstance(cell, dict):
                cell = recurrent_file.from_dict(cell)
            self.genotype = catalogue.load(cell)
            form = self.genotype.cell
            if not isinstance(form, Tree) and (projection or use_bias):
                raise UserError("projection, use_bias: highway cells have none; leave them out")
            self.units = _fitting("units", int, units, _WIDTH)
            self.projection = (
                None if projection is None else _fitting("projection", int, projection, _WIDTH)
            )
            self.use_bias = bool(use_bias)
            self.kernel_initializer = keras.initializers.get(kernel_initializer)
            self.dropout = _fitting("dropout", float, dropout, _RATE)
            self.recurrent_dropout = _fitting("recurrent_dropout", float, recurrent_dropout, _RATE)
            self.seed = seed
            if keras_3:
                self.seed_generator = keras.random.SeedGenerator(seed)
            self.output_size = self.projection or self.units
            self.state_size = [self.output_size] + [self.units] * isinstance(form, Tree)

        def build(self, input_shape: Any) -> None:
            inputs = int(input_shape[-1])
            by_name = shapes(
                self.genotype.cell,
                inputs,
                self.units,
                projection=self.projection,
                use_bias=self.use_bias,
            )
            self._weights_by_name = {
                name: self.add_weight(
                    name=name,
                    shape=shape,
                    initializer="zeros" if name == "bias" else self._initializer(),
                )
                for name, shape in by_name.items()
            }
            self.built = True

        def _initializer(self) -> Any:
            # A new one for each kernel: Keras 3 gives equal values for a shared initializer.
            one = keras.initializers.serialize(self.kernel_initializer)
            return keras.initializers.deserialize(one)

        def call(self, inputs: Any, states: Any, training: Any = False) -> tuple[Any, list[Any]]:
            weights = {name: _value(w) for name, w in self._weights_by_name.items()}
            h = states[0]
            x_mask, h_mask = self._masks(inputs, h, training)
            x = inputs if x_mask is None else inputs * x_mask

            def dropped(state: Any) -> Any:
                return state if h_mask is None else state * h_mask

            form = self.genotype.cell
            if isinstance(form, Tree):
                h, c = tree_step(form, library, weights, x, dropped(h), states[1])
                return h, [h, c]
            h = highway_step(form, library, weights, x, h, dropped)
            return h, [h]

        def _masks(self, x: Any, h: Any, training: Any) -> tuple[Any, Any]:
            """The masks of x and h, the same at each step until `RNN` resets them; or None."""
            if not keras_3:
                return (
                    self.get_dropout_mask_for_cell(x, training),
                    self.get_recurrent_dropout_mask_for_cell(h, training),
                )
            if not training:
                return None, None
            return self.get_dropout_mask(x), self.get_recurrent_dropout_mask(h)

        def get_config(self) -> dict[str, Any]:
            return {
                **super().get_config(),
                "cell": recurrent_file.to_dict(self.genotype),
                "units": self.units,
                "projection": self.projection,
                "use_bias": self.use_bias,
                "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
                "dropout": self.dropout,
                "recurrent_dropout": self.recurrent_dropout,
                "seed": self.seed,
            }

    def _value(weight: Any) -> Any:
        return keras.ops.convert_to_tensor(weight) if keras_3 else weight

    return RecurrentCell


def _fitting(name: str, kind: type, value: Any, bounds: Bounds) -> Any:
    value = fitted(name, value, kind)
    if fault := bounds.fault(value):
        raise UserError(f"{name}: {fault}")
    return value


def library_of(keras: Any) -> Library:
    """The functions of a Keras namespace.

    Args:
        keras: the module `keras` or `tf_keras`.
    """
    if hasattr(keras, "ops"):
        ops = keras.ops
        return Library(ops.matmul, ops.tanh, ops.sigmoid, ops.relu)
    import tensorflow as tf

    return Library(tf.matmul, tf.tanh, tf.sigmoid, tf.nn.relu)
