"""The wall between driver and workers: what goes to a worker, and what comes back."""

from __future__ import annotations

import abc
import math
import os
import pathlib
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from cell_search.evaluators._transfer import transfer_values
from cell_search.images import ImageSettings, facts
from cell_search.space.cell_space import CellSpace
from cell_search.space.network_space import NetworkSpace
from cell_search.space.space import Point, Space
from cells.genotype.genotype import Genotype
from cells.kinds.files import AnyGenotype, ImageGenotype
from cells.operations.architecture import Architecture
from cells.support.errors import UserError
from cells.support.registry import Registry

if TYPE_CHECKING:
    from cell_search.costs.table import CostTable
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


@dataclass(frozen=True)
class Score:
    """What an evaluator returns for a candidate.

    Attributes:
        metrics: numbers by name, among them the reward.
        proposal: the decisions that the evaluation leads to, where the evaluator `proposes`.

    Example:
        >>> cell_search.Score({"accuracy": 0.91, "seconds a step": 0.03}).metrics["accuracy"]
        0.91
    """

    metrics: Mapping[str, float]
    proposal: dict[str, Any] | None = None


class Augmentation(NamedTuple):
    """What is done to training images at random.

    Attributes:
        flip: whether they are mirrored.
        shift: pixels by which they are moved, at most.
        cutout: side of a grey square that is laid over them, in pixels; 0: none.
    """

    flip: bool = False
    shift: int = 0
    cutout: int = 0


@dataclass(frozen=True)
class Evaluator(abc.ABC):
    """A way to score a candidate: a frozen dataclass whose fields are its settings.

    A subclass has defaults for all of its fields, and a field takes the place of the property of
    that name here (`epochs`, `batch`, `inherit`).

    Attributes:
        uses_images: whether candidates are scored with images.
        one_at_a_time: whether candidates must be scored one after the other, in the order of
            their numbers, because a score depends on those before it.
        resumable: whether it can stop after some of its `epochs` and go on (`Request.until`).
        proposes: whether it says what comes next (`Score.proposal`), so that the strategy must be
            one that follows it.
        as_written: whether it may score cells differently that compute the same, see `CellSpace`.
        whole_networks: whether candidates may be whole networks, and not only cells.

    Example:
        >>> from dataclasses import dataclass
        >>> from typing import ClassVar
        >>> @dataclass(frozen=True)
        ... class FewBlocks(cell_search.Evaluator):
        ...     reward: ClassVar[str] = "spared"
        ...     most: int = 10
        ...
        ...     def score(self, request):
        ...         spared = self.most - len(request.genotype.normal.blocks)
        ...         return cell_search.Score({"spared": spared})
        >>> FewBlocks().metrics()
        ('spared',)
    """

    uses_images: ClassVar[bool] = True
    one_at_a_time: ClassVar[bool] = False
    resumable: ClassVar[bool] = False
    proposes: ClassVar[bool] = False
    as_written: ClassVar[bool] = False
    whole_networks: ClassVar[bool] = False

    @property
    @abc.abstractmethod
    def reward(self) -> str:
        """The name of the metric that is the reward; in most subclasses a `ClassVar`."""

    @property
    def epochs(self) -> int:
        """Passes over the training images; 0 where there are none."""
        return 0

    @property
    def batch(self) -> int:
        """Images of a step; 0 where there are no steps."""
        return 0

    @property
    def predicted_seconds(self) -> float:
        """Seconds of a training by the cost table, in place of `epochs`; 0: epochs count."""
        return 0.0

    @property
    def along(self) -> str:
        """Whether shared weights are trained along the candidate `itself` before it is scored, or
        along `another` one that the strategy draws for that."""
        return "itself"

    @property
    def final_candidates(self) -> int:
        """How many of the last trials are drawn from what the strategy has learned, teach it
        nothing, and are scored without training; the best are among these."""
        return 0

    @property
    def augmentation(self) -> Augmentation:
        """What is done to training images at random."""
        return Augmentation()

    @property
    def inherit(self) -> bool | None:
        """Whether a child starts from the weights of its parent, where the strategy names one;
        None: that is decided by whether it does."""
        return False

    @abc.abstractmethod
    def score(self, request: Request) -> Score:
        """Scores a candidate.

        Args:
            request: the candidate, and what it is scored with.

        Returns:
            Its metrics, among them the reward; with what comes next where it `proposes`.

        Raises:
            UserError: the settings are at fault, not the candidate; the search ends.
            Exception: the candidate failed; the message becomes the reason.
        """

    def check(self, images: ImageSettings, space: Space) -> None:
        """Checks the settings; called before the first candidate is scored.

        Args:
            images: what the candidates would be scored with.
            space: what is searched.

        Raises:
            UserError: no candidate could be scored.
        """
        if not isinstance(space, NetworkSpace):
            raise UserError(
                f"evaluator.type: {type(self).__name__} builds networks of cells, and this space "
                "has no image cells; use the evaluator of a table, language_model for recurrent "
                "cells, or a space of image cells"
            )
        if not isinstance(space, CellSpace) and not self.whole_networks:
            raise UserError(
                f"evaluator.type: {type(self).__name__} scores cells, and this space has whole "
                "networks; use train, or a space of cells"
            )
        if self.uses_images:
            facts(images)

    def knows(self, point: Mapping[str, Any], space: Space, images: ImageSettings) -> bool:
        """Whether a candidate can be scored; where it cannot, another is proposed instead.

        Args:
            point: the decisions.
            space: of the decisions.
            images: what the candidate would be scored with.


        Returns:
            True where nothing is looked up.
        """
        return True

    def listed(self, space: Space, images: ImageSettings) -> list[Point] | None:
        """All candidates that can be scored, where they are a small part of the space, so that
        they are what a strategy chooses from.

        Args:
            space: of the candidates.
            images: what they would be scored with.

        Returns:
            None where proposals are asked for one by one, see `knows`.
        """
        return None

    def costs(
        self, genotype: ImageGenotype | None, images: ImageSettings, table: CostTable
    ) -> dict[str, float]:
        """What a candidate costs, before it is built; more metrics.

        Args:
            genotype: the candidate.
            images: what it would be scored with.
            table: of the machine.

        Returns:
            `step_seconds` and `inference_ms` of its child network; empty where there is none.

        Raises:
            UserError: the table has no times for it.
        """
        return {}

    def files(self, images: ImageSettings) -> Iterable[tuple[str, str]]:
        """What it reads beside the images.

        Args:
            images: what candidates are scored with.

        Returns:
            The name of each setting, and its file or folder.
        """
        return ()

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

    def longer(self) -> Evaluator | None:
        """This evaluator with a longer training of a larger network; None where there is none."""
        return None

    def deciding(self) -> Evaluator:
        """This evaluator as a re-ranking uses it, which may keep more of a training."""
        return self

    def check_leave(self) -> None:
        """Checks that what `leave` reads is there; called before a re-ranking trains.

        Raises:
            UserError: a file is missing, or is none that can be read.
        """
        return

    def leave(self, trained: Sequence[Request], folder: pathlib.Path) -> list[str]:
        """Writes what a re-ranking leaves of its winner beside the genotype.

        Args:
            trained: the trainings of the winner that succeeded, best first.
            folder: of the search.

        Returns:
            The paths, to show.
        """
        return []

    def network(self) -> dict[str, int]:
        """N and F of the child network, as `normal_cells` and `filters`; empty without one."""
        return {}

    def transfer_settings(self, searched: Mapping[str, Any], batch: int) -> dict[str, Any]:
        """What the training of the winner takes over from that of a candidate.

        Args:
            searched: settings of this evaluator that were searched along, by name.
            batch: images of a step of that training.

        Returns:
            Values of a configuration of `cell-transfer`, as `a.b.c: value`: the child's network
            and augmentation, and the counterparts of what was searched along.
        """
        return {
            **{f"task.model.cells.{name}": value for name, value in self.network().items()},
            "task.train_data.aug_rand_hflip": self.augmentation.flip,
            "task.train_data.aug_shift": self.augmentation.shift,
            "task.train_data.aug_cutout": self.augmentation.cutout,
            **transfer_values(searched, self.batch or batch, batch),
        }


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
