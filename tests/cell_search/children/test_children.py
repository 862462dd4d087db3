"""Children without Keras are the networks that Keras builds."""

from __future__ import annotations

import gc

import keras
import numpy as np
import pytest
import tensorflow as tf
from precision import keras_in_float64
from tensorflow.python.eager import context

from cell_search.children import Bank, Child, Descent, Training
from cell_search.evaluators._child_network import child_config
from cell_search.space import published
from cells.genotype.genotype import Block, Cell, Genotype, Side
from cells.network import functions
from cells.network.build import build_network
from cells.network.depthwise import depthwise
from cells.network.stack_config import StackConfig
from cells.operations.operations import OPERATIONS
from cells.operations.primitives import DropPath
from cells.weights.by_layer import move_weights

SIZE = 12
BATCH = 6


@pytest.fixture(scope="module")
def bank() -> Bank:
    """One for all tests: that is what it is for."""
    return Bank()


@pytest.fixture(scope="module")
def exact() -> Bank:
    return Bank(precision="float64")


def _config(genotype: Genotype, **changes) -> StackConfig:
    config = child_config(genotype, normal_cells=1, filters=8, size=(SIZE, SIZE), num_classes=10)
    return config.replace(**changes)


def _random(space: str, seed: int, blocks: int = 3) -> Genotype:
    found = published.find(space, blocks)
    return found.decode(found.random(np.random.default_rng(seed)))


def _with_operations(names: list[str]) -> Genotype:
    """A genotype whose two cells have the operations of `names`, each on a cell's input."""
    blocks = [
        Block(Side(i % 2, left), Side((i + 1) % 2, right))
        for i, (left, right) in enumerate(zip(names[::2], names[1::2], strict=True))
    ]
    cell = Cell(tuple(blocks), tuple(range(2, 2 + len(blocks))))
    return Genotype("all operations", cell, cell)


#: A genotype, and what its network has beside it.
CASES: dict[str, tuple[Genotype, dict]] = {
    "nasnet": (_random("nasnet", 1), {}),
    "pnas": (_random("pnas", 1), {"auxiliary_head": True}),
    "enas": (_random("enas", 1), {"border_rule": "timm"}),
    "darts": (_random("darts", 1), {"border_rule": "pytorch"}),
    "operations 1": (_with_operations(sorted(OPERATIONS)[:10]), {"border_rule": "keras"}),
    "operations 2": (_with_operations(sorted(OPERATIONS)[10:]), {"border_rule": "pytorch"}),
}


def _images(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(BATCH, SIZE, SIZE, 3)).astype(np.float32)
    return images, rng.integers(10, size=BATCH).astype(np.int32)


def _close(ours, keras_, tolerance: float = 1e-5) -> None:
    ours, keras_ = np.asarray(ours), np.asarray(keras_)
    assert np.abs(ours - keras_).max() <= tolerance * np.abs(keras_).max()


def _keras_gradient(model, images, labels) -> tuple[float, dict[int, np.ndarray]]:
    """Cross-entropy, and by variable the gradient of it with L2."""
    with tf.GradientTape() as tape:
        outputs = model(images, training=True)
        heads = outputs if isinstance(outputs, dict) else {"logits": outputs}
        loss = sum(
            weight
            * tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=heads[name])
            )
            for name, weight in (("logits", 1.0), ("auxiliary_logits", 0.4))
            if name in heads
        )
        total = sum((tf.cast(x, tf.float64) for x in model.losses), tf.cast(loss, tf.float64))
    variables = model.trainable_variables
    gradients = tape.gradient(total, [v.value for v in variables])
    return float(loss), {id(v): g.numpy() for v, g in zip(variables, gradients, strict=True)}


def _moved(source, target) -> None:
    moved = move_weights(source, target)
    assert moved.moved and not moved.missing and not moved.unused and not moved.unfit


def _pair(genotype: Genotype, config: StackConfig, bank: Bank):
    """The same network twice, with equal weights."""
    model = build_network(genotype, config, keras, l2=5e-4)
    child = Child(genotype, config, bank)
    rng = np.random.default_rng(5)
    for layer in child.layers:
        # Batch norms that are not the identity, or what is forgotten would not be seen.
        noise = [rng.uniform(0.5, 1.5, size=w.shape) for w in layer.get_weights()]
        layer.set_weights([w + 0.2 * n for w, n in zip(layer.get_weights(), noise, strict=True)])
    _moved(child, model)
    return model, child


def _logits(model, images, *, training: bool) -> np.ndarray:
    outputs = model(images, training=training)
    return np.asarray(outputs["logits"] if isinstance(outputs, dict) else outputs)


@pytest.fixture
def float64():
    with keras_in_float64():
        yield


def _same_first_step(genotype: Genotype, config: StackConfig, bank: Bank) -> None:
    model, child = _pair(genotype, config, bank)
    images, labels = _images()
    _close(child.logits(images), _logits(model, images, training=False))
    _close(child.logits(images, batch_statistics=True), _logits(model, images, training=True))
    _moved(child, model)  # Keras's statistics have moved in that pass.
    loss, gradients = _keras_gradient(model, images, labels)
    before = {layer.name: layer.get_weights() for layer in child.layers}
    training = Training(child, Descent(momentum=0.9, l2=5e-4, clip=5.0), whole=None)
    assert float(training.step(images, labels, 0.1)) == pytest.approx(loss, rel=1e-6)
    norm = np.sqrt(sum(np.sum(np.square(g, dtype=np.float64)) for g in gradients.values()))
    theirs = {layer.name: layer for layer in model.layers}
    seen = 0
    for layer in child.layers:
        new, old = layer.get_weights(), before[layer.name]
        for variable, ours, was in zip(theirs[layer.name].weights, new, old, strict=True):
            if variable.trainable:
                step = -0.1 * gradients[id(variable)] * min(1.0, 5.0 / norm)
                seen += 1
            else:
                step = np.asarray(variable) - was
            assert np.abs(step).max() > 0.0
            np.testing.assert_allclose(
                ours - was, step, rtol=1e-4, atol=1e-4 * np.abs(step).max() + 3e-7
            )
    assert seen == len(gradients)


@pytest.mark.parametrize("case", CASES)
def test_same_logits_and_same_first_step_as_keras(case: str, exact: Bank, float64: None) -> None:
    genotype, changes = CASES[case]
    _same_first_step(genotype, _config(genotype, **changes), exact)


# One that is also above, in float64, and those that are not.
@pytest.mark.parametrize("space", ["nasnet", *(x for x in published.SPACES if x not in CASES)])
def test_same_logits_in_float32(space: str, bank: Bank) -> None:
    genotype = _random(space, 0, blocks=2)
    model, child = _pair(genotype, _config(genotype), bank)
    images, _ = _images()
    _close(child.logits(images), _logits(model, images, training=False))
    # Batch norms of few pixels make more of what float32 rounds off.
    _close(
        child.logits(images, batch_statistics=True),
        _logits(model, images, training=True),
        tolerance=1e-3,
    )
    keras.utils.clear_session()


SMALL = _with_operations(["sep_conv_3x3", "max_pool_3x3", "identity", "conv_3x3"])


def _trained(bank: Bank, seed: int = 3, steps: int = 3, **changes) -> np.ndarray:
    child = Child(SMALL, _config(SMALL, filters=4, **changes.pop("config", {})), bank, seed)
    training = Training(child, Descent(l2=5e-4), seed=seed, **changes)
    for step in range(steps):
        training.step(*_images(step), 0.05, step / steps)
    return child.trained.numpy()


def test_the_whole_step_is_the_sum_of_its_pieces(exact: Bank, float64: None) -> None:
    dropping = {"drop_path_keep": 0.5, "dropout": 0.3}
    whole = _trained(exact, config=dropping, whole=0)
    np.testing.assert_allclose(
        whole, _trained(exact, config=dropping, whole=None), rtol=1e-9, atol=1e-9
    )
    # Something is dropped, and by the seed.
    assert np.abs(whole - _trained(exact, whole=0)).max() > 1e-2


def test_a_seed_says_everything(bank: Bank) -> None:
    dropping = {"drop_path_keep": 0.5, "dropout": 0.3}
    first, again = (_trained(one, config=dropping) for one in (bank, Bank()))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - _trained(bank, seed=4, config=dropping)).max() > 1e-2


def test_drop_path_drops_whole_examples_and_keeps_the_mean() -> None:
    drop = DropPath(0.25)
    ones = tf.ones([4000, 2, 2, 3])
    for progress, keep in ((0.0, 1.0), (0.5, 0.625), (1.0, 0.25)):
        now = functions.Pass(True, progress=tf.constant(progress), seed=tf.constant([1, 2]))
        kept = functions.apply(drop, [ones], [], now).numpy()
        whole = kept[:, :1, :1, :1]
        np.testing.assert_array_equal(kept, np.broadcast_to(whole, kept.shape))
        np.testing.assert_allclose(np.unique(whole), [0.0, 1.0 / keep][keep == 1.0 :], rtol=1e-6)
        assert np.mean(whole > 0.0) == pytest.approx(keep, abs=0.03)


def test_another_child_of_known_pieces_compiles_nothing(bank: Bank) -> None:
    _trained(bank)
    before = len(bank)
    mirrored = Genotype("mirrored", SMALL.reduction, SMALL.normal)
    child = Child(mirrored, _config(mirrored, filters=4), bank, 9)
    Training(child, Descent()).step(*_images(), 0.1)
    assert len(bank) == before


def test_nothing_of_a_child_is_left_in_the_process(bank: Bank) -> None:
    def functions_known() -> int:
        gc.collect()
        return len(context.context().list_function_names())

    _trained(bank, whole=0)
    before = functions_known()
    for seed in range(3):
        _trained(bank, seed=seed, whole=0)
    assert functions_known() == before


def test_momentum_is_that_of_keras() -> None:
    from cell_search.children.training import descend, with_l2

    rng = np.random.default_rng(0)
    weights, velocity = rng.normal(size=40).astype(np.float32), np.zeros(40, np.float32)
    variable = keras.Variable(weights)
    optimizer = keras.optimizers.SGD(0.3, momentum=0.8, global_clipnorm=2.0)
    for rate, size in ((0.3, 1.0), (0.2, 0.05), (0.1, 1.0)):
        gradient = (size * rng.normal(size=40)).astype(np.float32)
        optimizer.learning_rate = rate
        optimizer.apply([tf.constant(gradient)], [variable])
        pace, momentum, l2, clip = (tf.constant(v) for v in (rate, 0.8, 0.0, 2.0))
        gradient = with_l2(gradient, weights, np.zeros(40, "f4"), l2, clip)
        weights, velocity = descend(weights, velocity, gradient, pace, momentum)
        np.testing.assert_allclose(weights, variable.numpy(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("kernel", [3, 5, 7])
def test_depthwise_is_that_of_tensorflow(kernel: int, dilation: int) -> None:
    """The detour of the gradient, and dilation by zeros, against TensorFlow's own."""
    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(size=(3, 9, 11, 4)))
    taps = tf.constant(rng.normal(size=(kernel, kernel, 4, 1)))
    dy = tf.constant(rng.normal(size=x.shape))

    def run(function) -> list:
        with tf.GradientTape() as tape:
            tape.watch([x, taps])
            y = function()
        return [y, *tape.gradient(y, [x, taps], dy)]

    ours = run(lambda: depthwise(x, taps, (1, 1), "SAME", dilation))
    theirs = run(
        lambda: tf.nn.depthwise_conv2d(
            x, taps, [1, 1, 1, 1], "SAME", dilations=[dilation, dilation]
        )
    )
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


def test_initial_weights_are_distributed_as_in_keras() -> None:
    """Mean, deviation and largest value of every layer's weights, over many draws."""
    genotype = SMALL
    config = _config(genotype, filters=16)
    model = build_network(genotype, config, keras)
    child = Child(genotype, config, Bank(), seed=1)
    theirs = {layer.name: layer.get_weights() for layer in model.layers}
    compared = 0
    for layer in child.layers:
        for ours, keras_ in zip(layer.get_weights(), theirs[layer.name], strict=True):
            if ours.ndim == 1:
                np.testing.assert_array_equal(ours, keras_)
            elif ours.size >= 500:
                error = np.std(keras_) * 4.0 / np.sqrt(ours.size)
                assert np.std(ours) == pytest.approx(np.std(keras_), abs=2.0 * error)
                assert np.mean(ours) == pytest.approx(np.mean(keras_), abs=2.0 * error)
                assert np.abs(ours).max() == pytest.approx(np.abs(keras_).max(), rel=0.1)
                compared += 1
    assert compared > 10
    other = Child(genotype, config, Bank(), seed=2)
    assert np.corrcoef(child.trained, other.trained)[0, 1] < 0.95
    np.testing.assert_array_equal(
        child.trained, Child(genotype, config, Bank(), seed=1).trained.numpy()
    )


@pytest.mark.parametrize("options", [{"precision": "bfloat16"}, {"xla": True}])
def test_options_compute_about_the_same(options: dict, bank: Bank) -> None:
    tiny = _with_operations(["conv_1x1", "avg_pool_3x3"])
    images, labels = _images()
    config = _config(tiny, filters=2)
    losses = []
    for one in (bank, Bank(**options)):
        training = Training(Child(tiny, config, one, 1), Descent(), whole=None)
        losses.append([float(training.step(images, labels, 0.05)) for _ in range(2)])
    np.testing.assert_allclose(losses[0], losses[1], rtol=0.05)
    assert losses[0][0] != losses[0][1]
