"""The Keras layer against TensorFlow Addons, the code of DARTS, numpy and Keras's own LSTM."""

from __future__ import annotations

import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from recurrent_strategies import (
    FUNCTIONS,
    random_highway,
    random_tree,
    sigmoid,
    tree_in_numpy,
)

from cells import recurrent
from cells.recurrent.formula import tree_step
from cells.recurrent.genotype import Highway, RecurrentGenotype, Tree
from cells.recurrent.layer import library_of
from cells.support.errors import UserError

NAMESPACES = pytest.mark.parametrize("namespace", [keras, tf_keras], ids=["keras", "tf_keras"])

#: `nas`: float32 values and gradients of tensorflow-addons 0.23.0 under TensorFlow 2.15.1, and
#: float64 values of the same source on numpy. The others: quark0/darts's `DARTSCell.cell` on
#: numpy, and the arithmetic of google-research's enas_lm. None was made with this project.
ORACLES = np.load(pathlib.Path(__file__).parents[2] / "fixtures" / "recurrent_cells.npz")


def oracle(case: str) -> dict[str, np.ndarray]:
    return {key.split("/")[1]: ORACLES[key] for key in ORACLES if key.startswith(f"{case}/")}


def layer_of(namespace, cell, units: int, x, states, weights, dtype: str, **settings):
    """An RNN layer of the cell, with the weights, and its inputs as tensors."""
    made = recurrent.build(cell, units, keras=namespace, dtype=dtype, **settings)
    layer = namespace.layers.RNN(made, return_sequences=True, return_state=True, dtype=dtype)
    tensors = tf.constant(x, dtype), [tf.constant(s, dtype) for s in states]
    layer(tensors[0], initial_state=tensors[1])
    made.set_weights([np.asarray(w, dtype) for w in weights])
    return layer, made, *tensors


@NAMESPACES
@pytest.mark.parametrize("case", ["plain", "bias", "projection", "bias_projection"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nas_is_the_cell_of_tensorflow_addons(namespace, case, dtype):
    """Its list of weights as it is: recurrent kernel, kernel, bias, projection."""
    known = oracle(case)
    names = [n for n in ("recurrent_kernel", "kernel", "bias", "projection") if n in known]
    layer, cell, x, states = layer_of(
        namespace,
        "nas",
        known["kernel"].shape[1] // 8,
        known["x"],
        [known["m0"], known["c0"]],
        [known[name] for name in names],
        dtype,
        projection=known["projection"].shape[1] if "projection" in known else None,
        use_bias="bias" in known,
    )
    with tf.GradientTape() as tape:
        outputs, _, c = layer(x, initial_state=states)
        total = tf.reduce_sum(outputs)
    suffix, tolerance = ("_float64", 1e-10) if dtype == "float64" else ("", 1e-6)
    np.testing.assert_allclose(outputs, known[f"m{suffix}"], rtol=0, atol=tolerance)
    np.testing.assert_allclose(c, known[f"c{suffix}"][:, -1], rtol=1e-6, atol=tolerance)
    for gradient, name in zip(tape.gradient(total, cell.trainable_weights), names, strict=True):
        if f"grad_{name}" in known:
            np.testing.assert_allclose(gradient, known[f"grad_{name}"], rtol=1e-5, atol=1e-6)


@NAMESPACES
@pytest.mark.parametrize(
    "case, name",
    [("darts_v1",) * 2, ("darts_v2",) * 2, ("enas_paper",) * 2, ("enas_lm", "enas")],
)
def test_highway_cells_are_those_of_the_published_code(namespace, case, name):
    known = oracle(case)
    units = known["h0"].shape[1]
    weights = [known["W0"][units:], known["W0"][:units], *known["Ws"]]
    layer, _, x, states = layer_of(
        namespace, name, units, known["x"], [known["h0"]], weights, "float64"
    )
    np.testing.assert_allclose(layer(x, initial_state=states)[0], known["h"], rtol=0, atol=1e-12)


@NAMESPACES
def test_five_hundred_random_trees_each_are_what_they_say(namespace):
    rng, library = np.random.default_rng(len(namespace.__name__)), library_of(namespace)
    for i in range(500):
        tree = random_tree(rng, (2, 4, 8, 16)[i % 4])
        x, h, c = rng.normal(size=(3, 2, 3))
        kernels = rng.normal(size=(2, 3, 3 * tree.base))
        weights = dict(zip(("kernel", "recurrent_kernel"), map(tf.constant, kernels), strict=True))
        states = tree_step(tree, library, weights, *map(tf.constant, (x, h, c)))
        np.testing.assert_allclose(states, tree_in_numpy(tree, *kernels, x, h, c), rtol=1e-6)


def test_a_tree_can_be_the_lstm_of_keras():
    """Forget and output gate are sums of two and of four leaves."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(2, 4, 3))
    kernel, recurrent_kernel = rng.normal(size=(3, 40)), rng.normal(size=(5, 40))
    layer, *_ = layer_of(
        keras, "lstm", 5, x, np.zeros((2, 2, 5)), [recurrent_kernel, kernel], "float64"
    )
    lstm = keras.layers.LSTM(5, use_bias=False, return_sequences=True, dtype="float64")
    lstm.build((None, 4, 3))

    def gates(blocks):
        leaves = np.split(blocks, 8, axis=1)
        parts = (leaves[2], leaves[0] + leaves[1], leaves[3], sum(leaves[4:]))
        return np.concatenate(parts, axis=1)

    lstm.set_weights([gates(kernel), gates(recurrent_kernel)])
    np.testing.assert_allclose(layer(x)[0], lstm(x), rtol=1e-12)


TWO = RecurrentGenotype(
    "two", Highway((recurrent.HighwayNode(0, "relu"), recurrent.HighwayNode(0, "tanh")), (1, 2))
)


@pytest.mark.parametrize("namespace, genotype", [(keras, recurrent.load("nas")), (tf_keras, TWO)])
def test_a_keras_file_opens(namespace, genotype, tmp_path):
    inputs = namespace.Input((3,), dtype="int32")
    x = namespace.layers.Embedding(9, 4, mask_zero=True)(inputs)
    cells = [
        recurrent.build(genotype, units, keras=namespace, recurrent_dropout=0.3) for units in (4, 3)
    ]
    model = namespace.Model(inputs, namespace.layers.RNN(cells)(x))
    ids = np.array([[1, 2, 3], [3, 4, 0]])
    model.save(tmp_path / "model.keras")
    opened = namespace.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(opened(ids), model(ids))
    cell = opened.layers[-1].cell.cells[1]
    assert cell.genotype == genotype
    assert (cell.units, cell.recurrent_dropout) == (3, 0.3)


@NAMESPACES
@pytest.mark.parametrize("name", ["nas", "enas"])
def test_a_masked_step_keeps_the_state(namespace, name):
    cell = recurrent.build(name, 3, keras=namespace)
    layer = namespace.layers.RNN(cell)
    x = np.random.default_rng(0).normal(size=(2, 6, 4)).astype("float32")
    mask = np.array([[1, 1, 1, 1, 1, 1], [1, 0, 1, 1, 0, 0]], bool)
    masked = layer(tf.constant(x), mask=tf.constant(mask))
    short = layer(tf.constant(x[1:, mask[1]]))
    np.testing.assert_allclose(masked[1:], short, rtol=1e-5)


@NAMESPACES
def test_dropout_takes_the_same_places_at_all_steps(namespace):
    """x passes an identity with weights 1: what is dropped is 0 at each step, the rest doubled."""
    leaf = recurrent.Node("add", "identity")
    tree = Tree((leaf,) * 3, recurrent.Inject(2, "add", "identity"), 2)
    cell = recurrent.build(RecurrentGenotype("sum", tree), 64, keras=namespace, dropout=0.5, seed=1)
    layer = namespace.layers.RNN(cell, return_sequences=True)
    x = tf.ones((3, 5, 64))
    layer(x)
    kernel = np.concatenate([np.eye(64), np.zeros((64, 64))], axis=1)
    cell.set_weights([np.zeros((64, 128)), kernel])
    masks = []
    for _ in range(2):
        sums = np.asarray(layer(x, training=True))
        # The memory adds up what comes in: c_t = x_t, h_t = x_t + c_{t-1}.
        steps = np.stack([sums[:, 0], *(sums[:, t] / 2 for t in range(1, 5))])
        assert set(np.unique(steps)) == {0.0, 2.0}
        assert (steps == steps[0]).all()
        masks.append(steps[0])
    assert (masks[0] != masks[1]).any() and (masks[0][0] != masks[0][1]).any()
    np.testing.assert_array_equal(layer(x)[:, 0], np.ones((3, 64)))


@NAMESPACES
@pytest.mark.parametrize("name", ["nas", "darts_v2"])
def test_mixed_precision_computes_in_16_bits_and_keeps_weights_in_32(namespace, name):
    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(size=(2, 3, 4)), tf.float32)
    results = []
    for policy in ("float32", "mixed_bfloat16"):
        cell = recurrent.build(name, 4, keras=namespace, dtype=policy)
        layer = namespace.layers.RNN(cell, dtype=policy)
        layer(x)
        if results:
            cell.set_weights(results[0][0])
        with tf.GradientTape() as tape:
            output = layer(x)
            total = tf.reduce_sum(tf.cast(output, tf.float32))
        gradients = tape.gradient(total, cell.trainable_weights)
        assert {g.dtype for g in gradients} == {tf.float32}
        results.append((cell.get_weights(), output, gradients))
    (_, exact, exact_gradients), (_, rounded, rounded_gradients) = results
    assert rounded.dtype == tf.bfloat16 and exact.dtype == tf.float32
    np.testing.assert_allclose(tf.cast(rounded, tf.float32), exact, atol=0.03)
    for ours, theirs in zip(rounded_gradients, exact_gradients, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=0.15)


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (("nas", 0), "units: 0 is too small; use at least 1"),
        (("nas", 2.5), "units: 2.5 is not a whole number"),
        (("nas", 4, {"dropout": 1.0}), "dropout: 1.0 is too large; use less than 1"),
        (("enas", 4, {"projection": 3}), "projection, use_bias: highway cells have none"),
        (("gru", 4), "recurrent cell: unknown 'gru'"),
    ],
)
def test_what_cannot_be_built_is_told(arguments, sentence):
    name, units, *settings = arguments
    with pytest.raises(UserError, match=sentence):
        recurrent.build(name, units, **(settings[0] if settings else {}))


def test_random_highway_cells_equal_numpy():
    rng = np.random.default_rng(5)
    for _ in range(20):
        form: Highway = random_highway(rng)
        cell = recurrent.build(RecurrentGenotype("random", form), 3, dtype="float64")
        cell.build((None, 2))
        weights = [rng.normal(size=w.shape) for w in cell.weights]
        cell.set_weights(weights)
        x, h = rng.normal(size=(2, 2)), rng.normal(size=(2, 3))
        states = []
        inputs = [h, *(None for _ in form.nodes)]
        for n, product in enumerate([x @ weights[1] + h @ weights[0], *form.nodes]):
            activation = "tanh"
            if n:
                activation, source = product.activation, states[product.input]
                inputs[n], product = source, source @ weights[n + 1]
            halves = np.split(product, 2, axis=1)
            gate, candidate = halves if form.first == "gate" else halves[::-1]
            open_ = sigmoid(gate)
            states.append((1 - open_) * inputs[n] + open_ * FUNCTIONS[activation](candidate))
        expected = np.mean([states[s] for s in form.output], axis=0)
        got = cell(tf.constant(x), [tf.constant(h)])[0]
        np.testing.assert_allclose(got, expected, rtol=1e-9)
