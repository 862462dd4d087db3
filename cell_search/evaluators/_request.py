"""The wall between driver and workers: what goes to a worker, and what comes back."""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cell_search.evaluators._base import Evaluator
from cell_search.images import ImageSettings
from cell_search.space.space import Space
from cells.genotype.genotype import Genotype
from cells.kinds.files import AnyGenotype, ImageGenotype
from cells.operations.architecture import Architecture
from cells.support.errors import UserError


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
        along: the candidate along which shared weights are trained first; None: this one.
        final: whether it is one of the `final_candidates`.
        predicted: what the candidate costs by the search's cost table, see `Evaluator.costs`;
            empty without one.

    Example:
        >>> class Seen(cell_search.Evaluator):
        ...     reward = "number"
        ...     uses_images = False
        ...     def score(self, request: cell_search.Request):
        ...         return cell_search.Score({"number": request.number})
        >>> result = cell_search.search(evaluator=Seen(), strategy="random", trials=3)
        >>> result.best.score
        {'number': 2.0}
    """

    number: int
    genotype: AnyGenotype | None
    decisions: Mapping[str, Any]
    space: Space
    evaluator: Evaluator
    images: ImageSettings
    seed: int
    deterministic: bool = False
    parent: int | None = None
    folder: str = ""
    until: int = 0
    along: Genotype | None = None
    final: bool = False
    predicted: Mapping[str, float] = field(default_factory=dict)

    @property
    def network(self) -> ImageGenotype:
        """The candidate of a space of image cells, or of whole networks."""
        assert isinstance(self.genotype, Genotype | Architecture)
        return self.genotype

    @property
    def cells(self) -> Genotype:
        """The candidate of a space of image cells."""
        assert isinstance(self.genotype, Genotype)
        return self.genotype


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

    Example:
        >>> cell_search.Result(reward=None, failure="the loss is not finite").metrics
        {}
    """

    reward: float | None
    metrics: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    failure: str | None = None
    proposal: dict[str, Any] | None = None
    worker: str = ""
    began: float = 0.0


def evaluate(request: Request) -> Result:
    """Scores a candidate; what pools call in their workers.

    Args:
        request: the candidate, and how it is scored.

    Returns:
        The reward and the metrics; of a candidate that fails, the reason.

    Raises:
        UserError: the settings are at fault, not the candidate.
    """
    began, started = time.time(), time.perf_counter()
    metrics: dict[str, float] = {}
    proposal = None
    try:
        score = request.evaluator.score(request)
        proposal = score.proposal
        metrics = {k: float(v) for k, v in {**request.predicted, **score.metrics}.items()}
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
