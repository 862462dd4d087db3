"""Whole trainings: paused, prolonged, averaged, restored, and what they draw."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from cell_search.children import Bank, Child, Descent, Training
from cell_search.children.training import descend_ahead, with_l2
from cell_search.recipes.batches import TrainingImages
from cell_search.recipes.recipe import Recipe
from cell_search.recipes.training import WholeTraining
from cells.genotype import catalogue
from cells.network import presets
from cells.network.residual import ResidualConfig, residual
from cells.network.stack import stack
from cells.support.errors import UserError

SIZE = 8
CONFIG = ResidualConfig(filters=4, image_size=(SIZE, SIZE), num_classes=3)
SHORT = Recipe(
    batch=8, schedule="trapezoid", warmup=0.5, shift=1, cutout=2, statistics=16, learning_rate=0.05
)


def with_(recipe: Recipe = SHORT, **changes) -> Recipe:
    return Recipe(**{**recipe.__dict__, **changes})


@pytest.fixture(scope="module")
def bank() -> Bank:
    return Bank()


@pytest.fixture(scope="module")
def images() -> tuple[np.ndarray, np.ndarray]:
    """Three classes: dark, middle and bright, with noise; 24, 12 and 4 of them."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat([0, 1, 2], [24, 12, 4]))
    pixels = 60 + 70 * labels[:, None, None, None] + rng.integers(-50, 50, (40, SIZE, SIZE, 3))
    return pixels.astype(np.uint8), labels


def training(images, bank, recipe=SHORT, **options) -> WholeTraining:
    return WholeTraining(residual(CONFIG), CONFIG, recipe, images, seed=3, bank=bank, **options)


def vectors(of: WholeTraining) -> list[np.ndarray]:
    network = of.network()
    return [of.child.trained.numpy(), network.trained.numpy(), network.moved.numpy()]


def test_a_training_that_stops_and_goes_on_is_one_that_never_stopped(images, bank, tmp_path):
    whole = training(images, bank, planned=12)
    whole.run()
    parts = training(images, bank)
    parts.run(3)
    parts.save(tmp_path / "kept.npz")
    other = training(images, Bank())
    other.restore(tmp_path / "kept.npz")
    assert (other.steps, other.planned) == (3, None)
    # The schedule is open so far, and nothing that was done depends on where it ends.
    other.plan(12)
    other.run(2)
    other.score(*images)  # Scoring leaves no trace.
    other.run()
    assert other.steps == whole.steps == 12
    for one, another in zip(vectors(whole), vectors(other), strict=True):
        np.testing.assert_array_equal(one, another)


def test_it_learns_what_there_is_to_learn(images, bank):
    taught = training(
        images, bank, with_(learning_rate=0.1, statistics=40, balance="weights"), planned=60
    )
    assert taught.run(1) > taught.run()
    assert taught.score(*images).accuracy > 0.9
    shares = taught.probabilities(images[0], taught.views)
    np.testing.assert_allclose(shares.sum(1), 1.0, rtol=1e-5)
    score = taught.score(*images, taught.views)
    assert score.accuracy == np.mean(shares.argmax(1) == images[1])
    expected = keras.losses.sparse_categorical_crossentropy(images[1], shares)
    assert score.loss == pytest.approx(float(np.mean(expected)), rel=1e-5)


def test_rates_follow_the_schedule_and_a_prolonged_one_begins_alike():
    def rates(planned, **changes):
        recipe = Recipe(learning_rate=1.0, **changes)
        return [recipe.rate(step, planned, per_epoch=2) for step in range(planned)]

    assert rates(8, schedule="one_cycle", peak=0.25) == pytest.approx(
        [1 / 2, 1, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6]
    )
    short = rates(10, schedule="trapezoid", warmup=1.0, decay=0.3)
    assert short == pytest.approx([0.5, 1, 1, 1, 1, 1, 1, 1, 2 / 3, 1 / 3])
    long = rates(20, schedule="trapezoid", warmup=1.0, decay=0.3)
    assert long[:8] == short[:8] and long[8:15] == [1.0] * 7
    cosine = rates(9, schedule="cosine", warmup=0.0)
    assert cosine == pytest.approx(
        [float(keras.optimizers.schedules.CosineDecay(1.0, 9)(step)) for step in range(9)]
    )


def test_averages_are_those_of_the_weights_on_the_way(images, bank):
    recipe = with_(average="stochastic", average_from=0.5, statistics=0)
    made = training(images, bank, recipe, planned=8)
    weights, statistics = [], []
    for _ in range(8):
        made.run(1)
        weights.append(made.child.trained.numpy())
        statistics.append(made.child.moved.numpy())
    # The weights after steps 5 to 8: the first four are not in it.
    np.testing.assert_allclose(made.network().trained, np.mean(weights[4:], 0), atol=1e-6)
    np.testing.assert_allclose(made.network().moved, np.mean(statistics[4:], 0), rtol=1e-5)
    exponential = training(images, bank, with_(average_decay=0.75), planned=40)
    expected, last = exponential.child.trained.numpy(), None
    for step in range(40):
        exponential.run(1)
        last = exponential.child.trained.numpy()
        kept = min(0.75, step / (step + 10))
        expected = kept * expected + (1.0 - kept) * last
    np.testing.assert_allclose(exponential.network().trained, expected, atol=1e-5)
    none = training(images, bank, with_(average="none"), planned=3)
    none.run()
    np.testing.assert_array_equal(none.network().trained, none.child.trained)


def test_statistics_of_the_scored_network_are_those_of_the_training_images(images, bank):
    """For the batch norm behind the first convolution, all the images being one batch."""
    made = training(images, bank, with_(statistics=1_000), planned=5)
    made.run()
    layers = {layer.name: layer.get_weights() for layer in made.network().layers}
    (kernel,) = layers["stem_conv"]
    maps = tf.nn.conv2d(images[0].astype("f4") / 127.5 - 1.0, kernel, 1, "SAME").numpy()
    mean, variance = layers["stem_bn"][2:]
    np.testing.assert_allclose(mean, maps.mean((0, 1, 2)), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(variance, maps.var((0, 1, 2)), rtol=1e-4)


def test_statistics_of_several_batches_are_those_of_all_their_images(images, bank, monkeypatch):
    whole = training(images, bank, with_(statistics=40), planned=2)
    whole.run()
    expected = whole.network().moved.numpy()[:8]
    monkeypatch.setattr("cell_search.recipes.training._STATISTICS_BATCH", 10)
    whole._scored = None
    np.testing.assert_allclose(whole.network().moved.numpy()[:8], expected, rtol=1e-4, atol=1e-6)


def test_nesterov_is_that_of_keras():
    rng = np.random.default_rng(0)
    weights, velocity = rng.normal(size=40).astype(np.float32), np.zeros(40, np.float32)
    variable = keras.Variable(weights)
    optimizer = keras.optimizers.SGD(0.3, momentum=0.8, nesterov=True, global_clipnorm=2.0)
    for rate, size in ((0.3, 1.0), (0.2, 0.05), (0.1, 1.0)):
        gradient = (size * rng.normal(size=40)).astype(np.float32)
        optimizer.learning_rate = rate
        optimizer.apply([tf.constant(gradient)], [variable])
        pace, momentum, l2, clip = (tf.constant(v) for v in (rate, 0.8, 0.0, 2.0))
        gradient = with_l2(gradient, weights, np.zeros(40, "f4"), l2, clip)
        weights, velocity = descend_ahead(weights, velocity, gradient, pace, momentum)
        np.testing.assert_allclose(weights, variable.numpy(), rtol=1e-6, atol=1e-6)


def test_smoothing_and_weights_are_those_of_keras(images, bank):
    pixels, labels = images[0][:8].astype("f4") / 127.5 - 1.0, images[1][:8].astype("i4")
    child = Child.of_graph(residual(CONFIG), CONFIG, bank, 1)
    weights = np.linspace(0.2, 2.0, 8).astype("f4")
    logits = child.logits(pixels, batch_statistics=True).numpy()
    losses = keras.losses.categorical_crossentropy(
        np.eye(3)[labels], logits, from_logits=True, label_smoothing=0.2
    )
    step = Training(child, Descent(smoothing=0.2), whole=None).step
    assert float(step(pixels, labels, 0.0, 0.0, weights)) == pytest.approx(
        float(np.mean(weights * losses)), rel=1e-5
    )


def test_epochs_have_every_image_once_and_a_seed_says_which_comes_when(images):
    pixels, labels = np.arange(40, dtype=np.uint8)[:, None, None, None], images[1]
    pixels = np.broadcast_to(pixels, (40, 4, 4, 3)).copy()
    plain = Recipe(batch=8, shift=0, cutout=0, flip=False)
    drawn = TrainingImages(pixels, labels, plain, seed=1)
    assert drawn.per_epoch == 5
    epochs = [[drawn.draw(5 * e + i).pixels[:, 0, 0, 0] for i in range(5)] for e in range(2)]
    assert not np.array_equal(*epochs)
    for epoch in epochs:
        np.testing.assert_array_equal(np.sort(np.concatenate(epoch)), np.arange(40))
    np.testing.assert_array_equal(drawn.draw(3).pixels[:, 0, 0, 0], epochs[0][3])
    other = TrainingImages(pixels, labels, plain, seed=2)
    assert not np.array_equal(other.draw(3).labels, drawn.draw(3).labels)
    # Fewer images than a minibatch wants: all of them.
    assert len(TrainingImages(pixels, labels, Recipe(batch=64), 0).draw(0).labels) == 40


def test_images_are_moved_mirrored_and_covered():
    """Against each of all windows, mirrored or not, of one image that is nowhere alike."""
    rng = np.random.default_rng(0)
    image = rng.integers(256, size=(1, 6, 5, 3)).astype(np.uint8)
    for border, mode in (("reflect", "reflect"), ("black", "constant")):
        padded = np.pad(image[0], ((2, 2), (2, 2), (0, 0)), mode)
        windows = [padded[i : i + 6, j : j + 5] for i in range(5) for j in range(5)]
        known = {w.tobytes() for w in windows} | {w[:, ::-1].tobytes() for w in windows}
        recipe = Recipe(batch=500, shift=2, border=border, cutout=0)
        many = TrainingImages(np.repeat(image, 500, 0), np.zeros(500, int), recipe, 0)
        seen = {one.tobytes() for one in many.draw(0).pixels}
        assert seen == known
    covering = Recipe(batch=500, shift=0, flip=False, cutout=3)
    many = TrainingImages(np.repeat(image, 500, 0), np.zeros(500, int), covering, 0)
    changed = (many.draw(0).pixels != image).any(-1).sum((1, 2))
    assert changed.max() == 9 and changed.min() >= 4


def test_trainings_of_the_same_images_share_what_they_cut_from(images):
    one, two = (TrainingImages(*images, SHORT, seed) for seed in (0, 1))
    assert one._crops is two._crops
    other = TrainingImages(images[0].copy(), images[1], SHORT, 0)
    assert other._crops is not one._crops


def test_unequal_classes_are_drawn_or_weighed_alike(images):
    pixels, labels = images
    drawn = TrainingImages(pixels, labels, with_(balance="sampling", batch=30), 0).draw(0).labels
    assert np.bincount(drawn).min() >= 7
    whole = TrainingImages(pixels, labels, with_(balance="weights", batch=40), 0).draw(0)
    of_class = [whole.weights[whole.labels == c].sum() for c in range(3)]
    assert of_class == pytest.approx([40 / 3] * 3, rel=1e-5)


def test_other_images_train_from_here_on(images, bank, tmp_path):
    """A training of all images ends alike, wherever it had them from."""
    whole = training(images, bank, planned=8)
    whole.run()
    part = training((images[0][:30], images[1][:30]), bank, planned=8)
    part.give_images(images)
    part.run(4)
    part.save(tmp_path / "kept.npz")
    again = training(images, bank)
    again.restore(tmp_path / "kept.npz")
    again.run()
    np.testing.assert_array_equal(vectors(again)[1], vectors(whole)[1])
    with pytest.raises(UserError, match="of another training"):
        training((images[0][:30], images[1][:30]), bank).restore(tmp_path / "kept.npz")


def test_small_images_first(images, bank):
    made = training(images, bank, with_(small=0.5, small_scale=0.75), planned=4)
    seen = []
    step = made._training.step
    made._training.step = lambda pixels, *rest: (
        seen.append(pixels.shape[1:3]) or step(pixels, *rest)
    )
    made.run()
    assert [tuple(s) for s in seen] == [(6, 6), (6, 6), (8, 8), (8, 8)]
    assert np.isfinite(made.score(*images).loss)


def test_cells_with_dropped_paths_and_an_auxiliary_head_are_trained_too(images):
    genotype = catalogue.load("snas_mild")
    config = presets.configure(
        genotype, "cifar", num_classes=3, normal_cells=1, filters=4, image_size=(20, 20)
    ).replace(auxiliary_head=True, drop_path_keep=0.7, dropout=0.2)
    graph = stack(genotype, config)
    large = images[0].repeat(3, 1).repeat(3, 2)[:, :20, :20], images[1]
    made = WholeTraining(graph, config, SHORT, large, planned=1)
    before = made.child.trained.numpy()
    made.run()
    auxiliary = [layer for layer in made.child.layers if layer.name.startswith("auxiliary")]
    vector, start, shape = auxiliary[-1].parts[0]
    assert vector == "trained" and made.score(*large).loss < 10.0
    moved = (made.child.trained.numpy() - before)[start : start + shape[0] * shape[1]]
    assert np.abs(moved).max() > 0.0
    with pytest.raises(UserError, match="small: an auxiliary head has a kernel as large"):
        WholeTraining(graph, config, with_(small=0.5), large)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"schedule": "linear"}, "schedule: unknown 'linear'; .*one_cycle, cosine, trapezoid"),
        ({"momentum": 1.0}, "momentum: 1.0 is too large; use less than 1"),
        ({"batch": 0}, "batch: 0 is too small; use at least 1"),
        ({"learning_rate": 0.0}, "learning_rate: 0.0 is too small; use more than 0"),
        ({"flip": "no"}, "flip: 'no' is not a truth value"),
        ({"schedule": "cosine"}, "schedule: 'cosine' must know how many steps"),
    ],
)
def test_an_impossible_recipe_is_told(images, bank, changes, told):
    with pytest.raises(UserError, match=f"recipe.{told}"):
        training(images, bank, with_(**changes))


def test_files_that_cannot_be_gone_on_with_are_told(images, bank, tmp_path):
    made, path = training(images, bank, planned=2), tmp_path / "kept.npz"
    with pytest.raises(UserError, match=r"kept\.npz: there is no such training"):
        made.restore(path)
    made.save(path)
    other = training(images, bank, with_(l2=1e-3), planned=2)
    with pytest.raises(UserError, match=r"of another training \(recipe.l2 is 0.001, was 0.00025\)"):
        other.restore(path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(UserError, match=r"kept\.npz: is damaged"):
        made.restore(path)
    one_cycle = training(images, bank, with_(schedule="one_cycle"), planned=2)
    one_cycle.run(1)
    with pytest.raises(UserError, match="'one_cycle' cannot be prolonged"):
        one_cycle.plan(4)


def test_a_loss_that_is_no_number_ends_the_training(images, bank):
    made = training(images, bank, with_(learning_rate=1e30, clip=1e30), planned=20)
    with pytest.raises(FloatingPointError, match=r"the loss became .* in step \d+"):
        made.run()
