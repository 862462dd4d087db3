"""Evaluators: what all must do, and what training a child gives."""

from __future__ import annotations

import dataclasses
import gc
import pickle
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from cell_search import images
from cell_search.children import Child, Training
from cell_search.evaluators import (
    EVALUATORS,
    Evaluator,
    Parameters,
    Request,
    Result,
    Score,
    Train,
    WeightSharing,
    ZeroCost,
    evaluate,
)
from cell_search.images import ImageSettings
from cell_search.recipes.augmentation import augment
from cell_search.space import published
from cells.genotype import catalogue
from cells.genotype.genotype import Genotype
from cells.support.errors import UserError


@pytest.fixture(scope="module")
def digits(small: dict) -> ImageSettings:
    return ImageSettings(**small["images"])


def _genotype(left: str = "sep_conv_3x3", right: str = "identity") -> Genotype:
    space = published.find("pnas", 1)
    return space.decode(
        {
            "cell/0/left/input": 0,
            "cell/0/right/input": 1,
            "cell/0/left/operation": left,
            "cell/0/right/operation": right,
        }
    )


def _request(evaluator: Evaluator, digits: ImageSettings, **changes) -> Request:
    return Request(
        **{
            "number": 3,
            "genotype": _genotype(),
            "decisions": {},
            "space": published.find("pnas", 1),
            "evaluator": evaluator,
            "images": digits,
            "seed": 5,
            **changes,
        }
    )


class EvaluatorContract:
    """What every evaluator must do; a new one passes by giving `evaluator`."""

    evaluator: Evaluator

    @pytest.fixture(scope="class")
    @classmethod
    def result(cls, digits: ImageSettings) -> Result:
        cls.evaluator.check(digits, published.find("pnas", 1))
        return evaluate(_request(cls.evaluator, digits))

    def test_request_and_result_can_be_pickled(self, digits: ImageSettings, result: Result) -> None:
        request = _request(self.evaluator, digits)
        assert pickle.loads(pickle.dumps(request)) == request
        assert pickle.loads(pickle.dumps(result)) == result

    def test_the_reward_is_among_the_metrics(self, result: Result) -> None:
        assert result.failure is None
        assert result.reward == result.metrics[self.evaluator.reward]
        assert result.seconds > 0.0

    def test_it_is_registered_under_one_name(self) -> None:
        assert list(EVALUATORS.values()).count(type(self.evaluator)) == 1


class TestParameters(EvaluatorContract):
    evaluator = Parameters(normal_cells=1, filters=4)

    def test_published_count(self, digits: ImageSettings) -> None:
        """NASNet-A (2 @ 768), the child of the paper's search: TF-slim has 1,294,698 weights."""
        request = _request(Parameters(), digits, genotype=catalogue.load("nasnet_a"))
        metrics = evaluate(request).metrics
        assert metrics == {"parameters": 1_294_698, "multiply_adds": 232_185_344}


class TestTrain(EvaluatorContract):
    evaluator = Train(
        normal_cells=1, filters=8, epochs=6, batch=32, learning_rate=0.2, flip=False, shift=1
    )

    def test_a_child_learns(self, result: Result) -> None:
        assert result.metrics["accuracy"] > 0.5, "chance is 0.1"
        assert result.metrics["loss"] < np.log(10)
        assert result.metrics["steps"] == 6 * 20

    def test_nothing_of_a_child_is_left(self, digits: ImageSettings) -> None:
        """The compiled pieces stay, in the bank; the child and its traced step go."""
        evaluate(_request(dataclasses.replace(self.evaluator, epochs=1), digits))
        gc.collect()
        kinds = (Child, Training)
        assert [type(o) for o in gc.get_objects() if isinstance(o, kinds)] == []

    def test_a_child_that_diverges_has_failed_for_a_reason(self, digits: ImageSettings) -> None:
        wild = dataclasses.replace(self.evaluator, learning_rate=1e18, clip=1e30, epochs=2)
        result = evaluate(_request(wild, digits))
        assert result.reward is None
        assert result.failure is not None
        assert "smaller learning rate" in result.failure or "loss is" in result.failure

    def test_impossible_settings_are_told_before_the_first_child(
        self, digits: ImageSettings
    ) -> None:
        for changes, sentence in (
            ({"epochs": 0}, r"evaluator\.train\.epochs: 0"),
            ({"learning_rate": float("nan")}, r"evaluator\.train\.learning_rate"),
            ({"batch": 1000}, r"evaluator\.train\.batch: 1000 is more than the 640 images"),
        ):
            with pytest.raises(UserError, match=sentence):
                dataclasses.replace(self.evaluator, **changes).check(
                    digits, published.find("pnas", 1)
                )


class TestWeightSharing(EvaluatorContract):
    evaluator = WeightSharing(
        normal_cells=1, filters=4, batch=32, validation_batch=50, flip=False, shift=1
    )


class TestZeroCost(EvaluatorContract):
    evaluator = ZeroCost(normal_cells=1, filters=8, batch=32)


@dataclass(frozen=True)
class Raising(Evaluator):
    """Fails as children do."""

    reward: ClassVar[str] = "luck"
    error: BaseException = dataclasses.field(default_factory=MemoryError)

    def score(self, request: Request) -> Score:
        raise self.error


@dataclass(frozen=True)
class Saying(Evaluator):
    """Gives a number."""

    reward: ClassVar[str] = "luck"
    value: float = 1.0

    def score(self, request: Request) -> Score:
        return Score({"luck": self.value, "other": 2.0})


def test_what_a_child_raises_becomes_the_reason(digits: ImageSettings) -> None:
    import tensorflow as tf

    out_of_memory = tf.errors.ResourceExhaustedError(None, None, "OOM when\nallocating")
    assert evaluate(_request(Raising(error=out_of_memory), digits)).failure == (
        "ResourceExhaustedError: OOM when allocating"
    )
    assert evaluate(_request(Raising(error=MemoryError()), digits)).failure == "MemoryError"


def test_what_is_not_the_childs_fault_goes_through(digits: ImageSettings) -> None:
    for error in (UserError("no such set"), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            evaluate(_request(Raising(error=error), digits))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_reward_must_be_a_number(digits: ImageSettings, value: float) -> None:
    result = evaluate(_request(Saying(value=value), digits))
    assert result.reward is None
    assert result.failure == f"the luck is {value}"
    assert result.metrics == {"other": 2.0}


def test_augmentation_shifts_and_mirrors() -> None:
    """Every image is a window of its padded self, mirrored or not, and all windows occur."""
    rng = np.random.default_rng(0)
    image = rng.integers(1, 256, size=(6, 5, 3), dtype=np.uint8)
    shift = 2
    padded = np.pad(image, ((shift, shift), (shift, shift), (0, 0)))
    windows = {}
    for row in range(2 * shift + 1):
        for column in range(2 * shift + 1):
            window = padded[row : row + 6, column : column + 5]
            windows[window.tobytes()] = (row, column, False)
            windows[np.ascontiguousarray(window[:, ::-1]).tobytes()] = (row, column, True)
    seen = {
        windows[np.ascontiguousarray(one).tobytes()]
        for one in augment(np.repeat(image[None], 2000, axis=0), rng, shift, flip=True)
    }
    assert len(seen) == 2 * 25
    still = augment(image[None], rng, 0, flip=False)
    np.testing.assert_array_equal(still[0], image)


def test_children_are_trained_on_the_training_images_only(digits: ImageSettings) -> None:
    """Held-out images that are all black do not change what a child learns."""
    from cell_search.evaluators._child_network import child_config
    from cell_search.evaluators.train import loop

    loaded = images.load(digits)
    config = child_config(_genotype(), normal_cells=1, filters=4, size=(32, 32), num_classes=10)
    blackened = dataclasses.replace(
        loaded, held_out=(np.zeros_like(loaded.held_out[0]), loaded.held_out[1])
    )
    settings = Train(normal_cells=1, filters=4, epochs=1, batch=32)
    results = [
        loop.train_child(_genotype(), config, part, settings, seed=1)
        for part in (loaded, blackened)
    ]
    assert results[0]["training_loss"] == pytest.approx(results[1]["training_loss"], rel=1e-4)
    assert results[0]["loss"] != results[1]["loss"]
