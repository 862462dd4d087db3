"""Language models of recurrent cells: against Keras and numpy, stopped and resumed, bad input."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import pathlib
import pickle
import shutil
import signal
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
import whole_searches
from recurrent_strategies import random_highway, random_tree, tree_in_numpy

import cell_search
from cell_search.driver.replay import replay
from cell_search.evaluators import LanguageModel, evaluate
from cell_search.evaluators._request import Request
from cell_search.evaluators.language_model import network, winner
from cell_search.evaluators.language_model import text as texts
from cell_search.evaluators.language_model.loop import Child, network_of, perplexity
from cell_search.images import ImageSettings
from cell_search.output import results
from cell_search.space import published
from cells.recurrent.genotype import RecurrentGenotype
from cells.support.errors import UserError

WORDS = ["a", "b", "c", "d", "e"]


def sentences(count: int, seed: int) -> str:
    rng = np.random.default_rng(seed)
    return "".join(f" {' '.join(rng.choice(WORDS, rng.integers(1, 7)))} \n" for _ in range(count))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A text of five words in Mikolov's form."""
    folder = tmp_path_factory.mktemp("text")
    for seed, (name, count) in enumerate((("train", 40), ("valid", 9), ("test", 7))):
        (folder / f"{name}.txt").write_text(sentences(count, seed))
    return folder


@pytest.fixture(scope="module")
def settings(folder: pathlib.Path) -> LanguageModel:
    return LanguageModel(
        text=str(folder), units=3, batch=4, steps=5, epochs=2, width=0.5, reward_of="-loss"
    )


def child(cell, settings: LanguageModel, seed: int = 0) -> Child:
    return Child(RecurrentGenotype("random", cell), texts.load(settings.text), settings, seed)


def keras_of(child: Child, cell, settings: LanguageModel):
    weights = {name: w.numpy() for name, w in child.weights.items()}
    return winner.keras_model(RecurrentGenotype("random", cell), settings, weights)


def keras_losses(model, inputs, targets):
    logits = model(inputs)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)


def test_the_text_of_the_benchmarks(data_dir: pathlib.Path) -> None:
    """Counts of its README, made by another program."""
    text = texts.load(str(data_dir / "lm"))
    assert len(text.words) == 4825
    assert (len(text.training), len(text.validation)) == (396_747, 44_369)
    share = np.bincount(text.training, minlength=4825) / len(text.training)
    unigram = math.exp(-np.log(share[text.validation]).mean())
    assert unigram == pytest.approx(435.2, abs=0.5)


def test_each_word_is_a_target_once_and_states_go_on() -> None:
    text = np.arange(1, 24, dtype=np.int32)
    parts = texts.windows(text, streams=3, steps=4)
    rows = [
        np.concatenate(list(each), axis=1)
        for each in zip(*((w.inputs, w.targets, w.counted) for w in parts), strict=True)
    ]
    inputs, targets, counted = rows
    assert sorted(targets[counted > 0]) == list(text)
    # What comes next, within each stream; the text begins behind <eos>, which is 0.
    np.testing.assert_array_equal(inputs[counted > 0], targets[counted > 0] - 1)
    assert all(w.inputs.shape == (3, 4) for w in parts)


@pytest.mark.parametrize("base", [2, 8])
def test_trees_by_data_are_those_of_numpy(base: int) -> None:
    rng = np.random.default_rng(base)
    for _ in range(40):
        tree = random_tree(rng, base)
        x, h, c = rng.normal(size=(3, 2, 3))
        kernel, recurrent_kernel = rng.normal(size=(2, 3, 3 * base))
        leaves = (
            tf.constant(part.reshape(2, base, 3), tf.float32)
            for part in (x @ kernel, h @ recurrent_kernel)
        )
        found = network._tree_step(network.codes(tree), *leaves, tf.constant(c, tf.float32))
        known = tree_in_numpy(tree, kernel, recurrent_kernel, x, h, c)
        np.testing.assert_allclose(found, known, rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize(
    "draw",
    [lambda rng: random_tree(rng, 2), lambda rng: random_highway(rng, 2)],
    ids=["tree", "highway"],
)
def test_a_child_is_its_keras_model(draw, settings: LanguageModel) -> None:
    """Its loss, with states that go from window to window, and its first step, with two layers."""
    cell = draw(np.random.default_rng(3))
    alone = dataclasses.replace(
        settings, batch=1, layers=2, optimizer="sgd", learning_rate=0.7, clip=0.02, decay=0.0
    )
    made = child(cell, alone)
    model = keras_of(made, cell, alone)
    text = texts.load(alone.text)
    before = np.concatenate([[0], text.validation[:-1]])[None]
    losses = keras_losses(model, before, text.validation[None])
    assert made.loss(made.validation) == pytest.approx(float(tf.reduce_mean(losses)), rel=1e-5)

    first = made.training[0]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(keras_losses(model, first.inputs, first.targets))
    weights = model.trainable_weights
    gradients = dict(zip((w.path for w in weights), tape.gradient(loss, weights), strict=True))
    # The matrix of the output is the embedding's, the other way round.
    tied = tf.convert_to_tensor(gradients.pop("embedding/embeddings"))
    tied += tf.transpose(gradients.pop("words/kernel"))
    moves, norm = tf.clip_by_global_norm([tied, *gradients.values()], alone.clip)
    assert norm > alone.clip
    old = [made.weights["embedding"], *(w for n, w in made.weights.items() if "/" in n)]
    made.training = [first]
    made._train_epoch()
    new = [made.weights["embedding"], *(w for n, w in made.weights.items() if "/" in n)]
    for one, other, move in zip(old, new, moves, strict=False):
        np.testing.assert_allclose(other - one, -0.7 * move, rtol=2e-3, atol=1e-6)
    np.testing.assert_allclose(made.weights["bias"], -0.7 * moves[-1], rtol=2e-3, atol=1e-6)


def test_adam_is_that_of_keras() -> None:
    import keras

    rng = np.random.default_rng(0)
    weight = keras.Variable(rng.normal(size=3).astype("float32"))
    optimizer = keras.optimizers.Adam(0.01, epsilon=1e-8)
    slots = [{"w": tf.zeros(3)}] * 2
    own = tf.convert_to_tensor(weight)
    for number in range(3):
        gradient = tf.constant(rng.normal(size=3), tf.float32)
        optimizer.apply_gradients([(gradient, weight)])
        slots, moves = network._adam(slots, {"w": gradient}, tf.constant(float(number)))
        own -= 0.01 * moves["w"]
    np.testing.assert_allclose(own, weight, rtol=1e-4)


@pytest.mark.parametrize("draw", [random_tree, random_highway])
def test_xla_compiles_nothing_for_a_new_cell(draw, settings: LanguageModel) -> None:
    """What it must know beforehand, such as the place of a slice, would be in its program."""
    rng, programs = np.random.default_rng(0), set()
    for _ in range(3):
        made = child(draw(rng, 2), settings)
        window = made.validation[0]
        ir = made.compiled.score.experimental_get_compiler_ir(
            made.weights,
            made.network.states(),
            made.codes,
            *map(tf.constant, (window.inputs, window.targets, window.counted)),
        )
        programs.add(ir(stage="hlo"))
    assert len(programs) == 1


def test_dropout_is_there_in_training_alone(settings: LanguageModel) -> None:
    """Nothing is left of the input at a rate close to 1, so the loss is that of the bias alone."""
    dropping = dataclasses.replace(settings, dropout=0.999999, recurrent_dropout=0.5)
    cell = random_tree(np.random.default_rng(0), 2)
    made = child(cell, dropping)
    assert made.loss(made.validation) == child(cell, settings).loss(made.validation)
    made.training = made.training[:1]
    made._train_epoch()
    counted = float(made.training[0].counted.sum())
    assert made.training_loss * made.tokens == pytest.approx(counted * math.log(6), rel=1e-5)


def test_parameters_of_the_published_cells() -> None:
    """With 10,000 words and tied embeddings: 23 M of Liu et al. 2019; a bias for each word."""
    from cells import recurrent

    darts = recurrent.load("darts_v2")
    shapes = network_of(darts, 10_000, LanguageModel(units=850)).shapes(darts.cell)
    assert sum(math.prod(shape) for shape in shapes.values()) == 22_960_000


def search_of(settings: LanguageModel, trials: int, **more) -> dict:
    values = {"text": settings.text, "units": 3, "batch": 4, "steps": 5, "epochs": 1}
    return {
        "space": {"name": "recurrent", "blocks": 2},
        "strategy": {
            "type": "regularized_evolution",
            "regularized_evolution": {"population": 3, "sample": 2},
        },
        "evaluator": {"type": "language_model", "language_model": values | more},
        "trials": trials,
        "report_minutes": 0.0,
        "top": 2,
    }


def test_a_search_that_was_stopped_goes_on_is_replayed_and_decided(
    settings: LanguageModel, tmp_path: pathlib.Path
) -> None:
    """The test text has no part in the search; its perplexity is read once, for the winner."""
    folder = tmp_path / "text"
    folder.mkdir()
    for name in ("train.txt", "valid.txt"):
        (folder / name).write_text((pathlib.Path(settings.text) / name).read_text())
    own = dataclasses.replace(settings, text=str(folder))
    whole = whole_searches.searched(tmp_path / "whole", search_of(own, 5))
    whole_searches.searched(tmp_path / "parts", search_of(own, 2))
    parts = whole_searches.searched(tmp_path / "parts", search_of(own, 5))

    def story(directory):
        return [(t.params, t.value) for t in directory.read_study().trials]

    assert story(whole) == story(parts)
    result = cell_search.open_search(tmp_path / "parts")
    assert not any(r.difference for r in replay(result.resolved, result.study))
    values = result.study.best_trial.user_attrs["metrics"]
    assert values["reward"] == pytest.approx(80 / values["perplexity"] ** 2)

    # Without one, nothing is trained; nor with one of other words.
    for text, sentence in ((None, "there is no such text"), ("Zweifel\n", "'Zweifel' is not in")):
        if text:
            (folder / "test.txt").write_text(text)
        with pytest.raises(
            UserError, match=rf"^rerank.evaluator.language_model.test: .*{sentence}.* to false$"
        ):
            cell_search.rerank(tmp_path / "parts", top_k=2, seeds=2)
        result = cell_search.open_search(tmp_path / "parts")
        assert results.reranking_of(result.resolved, result.study) is None
    (folder / "test.txt").write_text((pathlib.Path(settings.text) / "test.txt").read_text())
    again = cell_search.rerank(tmp_path / "parts", top_k=2, seeds=2)
    left = tmp_path / "parts" / "winner"
    scores = json.loads((left / "scores.json").read_text())
    assert scores["cell"] == again.genotype.name and len(scores["test_perplexity"]) == 2

    import keras

    from cells.recurrent import RecurrentCell  # noqa: F401

    model = keras.models.load_model(left / "model.keras")
    known = texts.load(str(folder))
    assert (left / "words.txt").read_text().split() == list(known.words)
    test = texts.numbers(folder / "test.txt", known.words)
    total = 0.0
    # Four streams, each from a state of zeros.
    length = -(-len(test) // 4)
    before = np.concatenate([[0], test[:-1]])
    for start in range(0, len(test), length):
        part = slice(start, start + length)
        total += float(tf.reduce_sum(keras_losses(model, before[part][None], test[part][None])))
    assert math.exp(total / len(test)) == pytest.approx(scores["test_perplexity"][0], rel=1e-5)
    with np.load(left / "weights.npz") as weights:
        assert weights["0/kernel"].shape == (3, 6)

    # What has been read is not read again.
    (folder / "test.txt").unlink()
    cell_search.rerank(tmp_path / "parts", top_k=2, seeds=2)
    assert json.loads((left / "scores.json").read_text()) == scores


def request_of(settings: LanguageModel, folder: str = "", until: int = 0) -> Request:
    space = published.named("recurrent", 2)
    point = space.random(np.random.default_rng(1))
    known = (0, space.decode(point), point, space, settings, ImageSettings(), 7)
    return Request(*known, folder=folder, until=until)


@dataclasses.dataclass(frozen=True)
class Dying(LanguageModel):
    """A worker that is killed behind the first epoch of trial 2, once."""

    def score(self, request: Request):
        file = pathlib.Path(self.text, "killed")
        if request.number == 2 and not file.exists():
            file.touch()
            super().score(dataclasses.replace(request, until=1))
            os.kill(os.getpid(), signal.SIGKILL)
        return super().score(request)


def test_two_workers_give_each_trial_once_and_go_on_with_that_of_a_killed_one(
    folder: pathlib.Path, settings: LanguageModel, tmp_path: pathlib.Path
) -> None:
    own = tmp_path / "text"
    shutil.copytree(folder, own)
    evaluator = Dying(**vars(dataclasses.replace(settings, text=str(own))))
    values = {"strategy": "random", "space": {"name": "recurrent", "blocks": 2}, "trials": 3}
    pool = {"type": "processes", "processes": {"workers": 2}}
    found = cell_search.search(
        {**values, "pool": pool}, evaluator=evaluator, directory=tmp_path / "search"
    )
    assert (own / "killed").exists()
    lines = (tmp_path / "search" / "study.journal").read_text().splitlines()
    kinds = Counter(json.loads(line)["op_code"] for line in lines)
    assert (kinds[4], kinds[6]) == (3, 3), "each trial is created once and told once"
    alone = cell_search.search(values, evaluator=evaluator)
    assert [(t.params, t.value) for t in found.study.trials] == [
        (t.params, t.value) for t in alone.study.trials
    ]


def test_a_training_that_was_stopped_is_that_of_one_that_was_not(
    settings: LanguageModel, tmp_path: pathlib.Path
) -> None:
    """Also as workers see it, who are sent a request. No other cell is traced anew."""
    whole = evaluate(request_of(settings))
    assert evaluate(request_of(settings, str(tmp_path), until=1)).metrics["steps"] > 0
    sent = pickle.loads(pickle.dumps(request_of(settings, str(tmp_path))))
    assert evaluate(sent).metrics == whole.metrics
    made = child(random_tree(np.random.default_rng(5), 2), settings)
    made.run(1, None, every_epoch=False)
    assert made.compiled.train.experimental_get_tracing_count() == 1


def test_what_overflows_has_failed(settings: LanguageModel) -> None:
    assert perplexity(math.log(120)) == pytest.approx(120)
    with pytest.raises(FloatingPointError, match="the perplexity overflows: the loss is 1234"):
        perplexity(1234.0)
    wild = dataclasses.replace(settings, learning_rate=1e3, width=10.0, decay=0.0)
    result = evaluate(request_of(wild))
    assert result.reward is None and "FloatingPointError" in result.failure
    assert all(map(math.isfinite, result.metrics.values()))


@pytest.mark.parametrize(
    "name, content, words",
    [
        ("train.txt", b"a b\n\xff\n", r"train.txt: is not UTF-8 text \(byte 4\)"),
        ("train.txt", b"a b\n\nc\n", r"train.txt, line 2: is empty"),
        ("valid.txt", b"a\nb zebra\n", r"valid.txt, line 2: the word 'zebra' is not in train.txt"),
        ("valid.txt", None, r"valid.txt: there is no such text file"),
        ("train.txt", b"a b c d e\n", r"steps: 4 parts of 5 words are more than the 6 words"),
    ],
)
def test_bad_texts(folder, settings, tmp_path, name, content, words) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    own = dataclasses.replace(settings, text=str(tmp_path))
    with pytest.raises(UserError, match=words):
        cell_search.search(search_of(own, 2), directory=tmp_path / "search")
    assert not (tmp_path / "search").exists()


def test_a_word_list_of_millions(tmp_path: pathlib.Path) -> None:
    (tmp_path / "train.txt").write_text(" ".join(map(str, range(1_000_000))))
    (tmp_path / "valid.txt").write_text("1")
    with pytest.raises(UserError, match=r"train.txt: has more than the 1,000,000 diff.*<unk>"):
        texts.load(str(tmp_path))


@pytest.mark.parametrize(
    "more, words",
    [
        ({"text": ""}, "text: name the folder of the text"),
        ({"units": 0}, "units: 0 is too small"),
        ({"optimizer": "adma"}, "did you mean"),
        ({"reward_of": "perplexity"}, "80/perplexity"),
    ],
)
def test_bad_settings(settings, more, words) -> None:
    with pytest.raises(UserError, match=words):
        cell_search.search(search_of(settings, 2, **more))


def test_image_cells_are_refused(settings) -> None:
    values = search_of(settings, 2) | {"space": {"name": "nasnet"}}
    with pytest.raises(UserError, match="language_model scores recurrent cells"):
        cell_search.search(values)
