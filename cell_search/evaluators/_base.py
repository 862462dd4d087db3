"""What an evaluator is: a way to score candidates, with its settings."""

from __future__ import annotations

import abc
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from cell_search.evaluators._transfer import transfer_values
from cell_search.images import ImageSettings, facts
from cell_search.space.network_space import NetworkSpace, WholeNetworkSpace
from cell_search.space.space import Point, Space
from cells.kinds.files import ImageGenotype
from cells.support.errors import UserError
from cells.support.registry import Registry
from cells.support.settings import check

if TYPE_CHECKING:
    from cell_search.costs.table import CostTable
    from cell_search.evaluators._request import Request
#: Of epochs, images of a step and the like.
MAX_COUNT = 10_000_000

#: Evaluators by name: frozen dataclasses whose fields are their settings.
EVALUATORS: Registry[type[Evaluator]] = Registry("evaluator.type")


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
        check(self, f"evaluator.{EVALUATORS.name_of(type(self)) or type(self).__name__}.")
        self.check_space(space)
        if self.uses_images:
            facts(images)

    def check_space(self, space: Space) -> None:
        """Raises a UserError where the evaluator cannot score what a space holds.

        Args:
            space: what is searched.
        """
        if not isinstance(space, NetworkSpace):
            raise UserError(
                f"evaluator.type: {type(self).__name__} builds networks of cells, and this space "
                "has no image cells; use the evaluator of a table, language_model for recurrent "
                "cells, or a space of image cells"
            )
        if isinstance(space, WholeNetworkSpace) and not self.whole_networks:
            raise UserError(
                f"evaluator.type: {type(self).__name__} scores cells, and this space has whole "
                "networks; use train, or a space of cells"
            )

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
