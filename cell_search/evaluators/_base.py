"""The wall between driver and workers: what goes to a worker, and what comes back."""

from __future__ import annotations

import abc
import math
import os
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from cell_search.images import ImageSettings, facts
from cell_search.space.cell_space import CellSpace
from cell_search.space.space import Space
from cells.genotype.genotype import Genotype
from cells.support.errors import UserError
from cells.support.registry import Registry

#: Of epochs, images of a step and the like.
MAX_COUNT = 10_000_000

#: Evaluators by name: frozen dataclasses whose fields are their settings.
EVALUATORS: Registry[type[Evaluator]] = Registry("evaluator.type")


@dataclass(frozen=True)
class Request:
    """Everything that a worker needs to score one candidate; can be pickled.

    Attributes:
        number: of the trial.
        genotype: the candidate; None where its space has no genotypes.
        decisions: the same as decisions of the space, for evaluators that look them up.
        space: of the decisions.
        evaluator: how to score it.
        images: what to score it with.
        seed: of everything random in this evaluation.
        deterministic: whether TensorFlow must use its deterministic operations.
        parent: the trial whose weights the child may start from, an offer of the strategy.
        folder: where files may be kept between requests, see
            `cell_search.evaluators._store`: a path or a URL; nothing else is in it.
            "" where nothing can be kept.
        until: the evaluation stops for the time being after so many epochs, and a later request
            with the same number goes on; 0: to the end. For `resumable` evaluators only.
    """

    number: int
    genotype: Genotype | None
    decisions: Mapping[str, Any]
    space: Space
    evaluator: Evaluator
    images: ImageSettings
    seed: int
    deterministic: bool = False
    parent: int | None = None
    folder: str = ""
    until: int = 0


@dataclass(frozen=True)
class Result:
    """What came of a request; can be pickled.

    Attributes:
        reward: finite, larger is better; None where the evaluation failed.
        metrics: numbers for people and for several objectives, by name.
        seconds: duration.
        failure: why there is no reward, in one sentence; None where there is one.
        proposal: the decisions that the evaluation leads to, for a strategy that follows it.
        worker: host and process that evaluated it; empty where none came to the end.
        began: when, in seconds since 1970 by that host's clock.
    """

    reward: float | None
    metrics: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    failure: str | None = None
    proposal: dict[str, Any] | None = None
    worker: str = ""
    began: float = 0.0


class Scores(dict[str, float]):
    """Metrics, and the decisions that the evaluation leads to."""

    def __init__(self, metrics: Mapping[str, float], proposal: dict[str, Any]):
        super().__init__(metrics)
        self.proposal = proposal


class Evaluator(abc.ABC):
    """A way to score a candidate: a frozen dataclass whose fields are its settings.

    Attributes:
        reward: the name of the metric that is the reward.
        uses_images: whether candidates are scored with images.
        one_at_a_time: whether candidates must be scored one after the other, in the order of
            their numbers, because a score depends on those before it.
        resumable: whether it can stop after some of its `epochs` and go on (`Request.until`).
        proposes: whether it says what comes next (`Scores`), so that the strategy must be one
            that follows it.
        as_written: whether it may score cells differently that compute the same, see `CellSpace`.
    """

    reward: ClassVar[str]
    uses_images: ClassVar[bool] = True
    one_at_a_time: ClassVar[bool] = False
    resumable: ClassVar[bool] = False
    proposes: ClassVar[bool] = False
    as_written: ClassVar[bool] = False

    def check(self, images: ImageSettings, space: Space) -> None:
        """Raises a UserError where no candidate could be scored; called before the first.

        Args:
            images: what the candidates would be scored with.
            space: what is searched.
        """
        if not isinstance(space, CellSpace):
            raise UserError(
                f"evaluator.type: {type(self).__name__} builds networks of cells, and this space "
                "has no genotypes; use the evaluator of a table, or a space of cells"
            )
        facts(images)

    def knows(self, point: Mapping[str, Any], space: Space, images: ImageSettings) -> bool:
        """Whether a candidate can be scored; where it cannot, another is proposed instead."""
        return True

    def files(self, images: ImageSettings) -> Iterable[tuple[str, str]]:
        """What it reads beside the images: the name of each setting, and its file or folder."""
        return ()

    @abc.abstractmethod
    def score(self, request: Request) -> dict[str, float]:
        """The metrics of a candidate, among them the reward.

        Raises:
            Exception: the candidate failed; the message becomes the reason.
        """

    def forget(self, folder: str, number: int, *, succeeded: bool) -> None:  # noqa: B027
        """Removes what was kept of a trial, which is over, as far as no other needs it.

        Args:
            folder: as in the request.
            number: of the trial.
            succeeded: whether it has a reward, be it that of a rung.
        """

    def metrics(self) -> tuple[str, ...]:
        """The names of the metrics that can be objectives."""
        return (self.reward,)

    def from_scratch(self) -> Evaluator:
        """What a re-ranking starts from: this evaluator, or one that trains a candidate alone."""
        return self

    def network(self) -> dict[str, int]:
        """N and F of the child network, for the configuration that trains the winner."""
        return {}


def evaluate(request: Request) -> Result:
    """Scores a candidate. A candidate that fails gives a result with the reason.

    Raises:
        UserError: the settings are at fault, not the candidate.
    """
    began, started = time.time(), time.perf_counter()
    metrics: dict[str, float] = {}
    proposal = None
    try:
        scores = request.evaluator.score(request)
        proposal = scores.proposal if isinstance(scores, Scores) else None
        metrics = {k: float(v) for k, v in scores.items()}
        reward: float | None = metrics[request.evaluator.reward]
        failure = None
        if not math.isfinite(metrics[request.evaluator.reward]):
            reward, failure = None, f"the {request.evaluator.reward} is {reward}"
    except UserError:
        raise
    except Exception as error:
        reward, failure = None, _reason(error)
    finite = {name: value for name, value in metrics.items() if math.isfinite(value)}
    return Result(
        reward,
        finite,
        time.perf_counter() - started,
        failure,
        proposal,
        worker=f"{socket.gethostname()} {os.getpid()}",
        began=began,
    )


def _reason(error: Exception) -> str:
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words}"[:300] if words else type(error).__name__
