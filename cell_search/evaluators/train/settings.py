"""The paper's score: a small child network, trained shortly, on held-out images."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from cell_search import images as image_files
from cell_search.evaluators._base import EVALUATORS, MAX_COUNT, Augmentation, Evaluator, Score
from cell_search.evaluators._child_network import ChildEvaluator, child_sizes, child_summary
from cell_search.evaluators._request import Request
from cell_search.images import ImageSettings
from cell_search.space.network_space import NetworkSpace
from cell_search.space.space import Space
from cells.kinds.files import ImageGenotype
from cells.network.stack_config import GROUPS, MAX_CELLS, MAX_FILTERS, MAX_SIDE, StackConfig
from cells.operations.architecture import Architecture
from cells.operations.primitives import Size
from cells.support.errors import UserError
from cells.support.settings import setting

if TYPE_CHECKING:
    from cell_search.costs.table import CostTable

#: What the reward is made of.
REWARDS = ("last", "best", "mean")

PRECISIONS = ("float32", "bfloat16", "mixed_bfloat16")

SCHEDULES = ("cosine", "constant")

#: Those for small images.
STEMS = ("cifar", "pooled", "transitions")


@EVALUATORS.register("train")
@dataclass(frozen=True)
class Train(ChildEvaluator):
    """Trains the child from scratch; the reward is its accuracy on the held-out images.

    Momentum, one period of a cosine, L2, gradient clipping: Zoph et al. 2018, section 4 and
    appendix A.1 (N = 2, 20 epochs there).

    Attributes:
        normal_cells: N.
        filters: F.
        stem: what halves the images before the first cell: nothing (`cifar`), a pool (`pooled`), or
            a pool as between the groups, too (`transitions`, which has no Reduction cells); see
            `cells.network.stack_config.StackConfig`.
        empty_group: the group, 1 to 3, that has no cells (`transitions` alone); 0: none.
        epochs: passes over the training images.
        predicted_seconds: in place of epochs, seconds of the training by the search's cost table
            (`costs`): each candidate makes as many steps as fit into them; 0: epochs count.
        batch: images of a step.
        learning_rate: at the start of the cosine; in a space of graphs each has its own.
        schedule: whether the learning rate falls along a `cosine` or is `constant`.
        momentum: of stochastic gradient descent.
        l2: factor of the sum of squares of all kernels.
        clip: largest global norm of a gradient.
        flip: whether images are mirrored at random (not for digits and letters).
        shift: pixels by which they are moved at random, at most.
        cutout: side of a grey square that is laid over them at random, in pixels; 0: none.
        drop_path_keep: probability that a path of the last cell is kept at the end of training
            (ScheduledDropPath: it falls from 1, and with depth); 1: nothing is dropped.
        auxiliary_weight: factor of the loss of a second classifier, which the child has in
            training only; 0: none.
        precision: of the images' states: `float32` or `bfloat16`; `mixed_bfloat16`: of convolutions
            and products of matrices alone, by oneDNN on a CPU.
        xla: whether XLA compiles the operations.
        reward_of: the accuracy after the `last` epoch, or the `best` or the `mean` of several.
        reward_epochs: of how many last epochs; 0: of all.
        reward_power: to which the accuracy is raised (3 in Zoph & Le 2017, section 4.1).
        inherit: whether the child starts from the weights of its parent, where the strategy names
            one, in all layers that both have in equal shapes (Real et al. 2017, section 3.6). None:
            it does where the strategy names parents, as `large_scale_evolution`.
        seconds: time limit of a child's training; 0: none.
        latency_runs: how often the trained child's answer to one image is timed, for the metric
            `latency_ms`; 0: not at all.
    """

    resumable: ClassVar[bool] = True
    whole_networks: ClassVar[bool] = True

    normal_cells: int = setting(2, least=1, most=MAX_CELLS)
    filters: int = setting(32, least=2, most=MAX_FILTERS)
    stem: str = setting("cifar", shown=False, choices=STEMS)
    empty_group: int = setting(0, shown=False, least=0, most=GROUPS)
    epochs: int = setting(20, least=1, most=MAX_COUNT)
    predicted_seconds: float = setting(0.0, shown=False, least=0)
    batch: int = setting(128, least=1, most=MAX_COUNT)
    learning_rate: float = setting(0.1, above=0, most=1e3)
    schedule: str = setting("cosine", shown=False, choices=SCHEDULES)
    momentum: float = setting(0.9, least=0, below=1)
    l2: float = setting(5e-4, least=0, most=1e3)
    clip: float = setting(5.0, above=0)
    flip: bool = True
    shift: int = setting(4, least=0, most=MAX_SIDE)
    cutout: int = setting(0, least=0, most=MAX_SIDE)
    drop_path_keep: float = setting(1.0, above=0, most=1)
    auxiliary_weight: float = setting(0.0, least=0, most=1e6)
    precision: str = setting("float32", choices=PRECISIONS)
    xla: bool = False
    reward_of: str = setting("last", choices=REWARDS)
    reward_epochs: int = setting(5, least=0, most=MAX_COUNT)
    reward_power: float = setting(1.0, above=0, most=100)
    inherit: bool | None = None
    seconds: float = setting(0.0, least=0)
    latency_runs: int = setting(0, least=0, most=MAX_COUNT)

    @property
    def reward(self) -> str:
        """`accuracy`, or `reward` where that is another number."""
        return "accuracy" if self.reward_of == "last" and self.reward_power == 1.0 else "reward"

    def check(self, images: ImageSettings, space: Space) -> None:
        where = "evaluator.train"
        super().check(images, space)
        loaded = image_files.load(images)
        count = len(loaded.training[0])
        if count < self.batch:
            raise UserError(
                f"{where}.batch: {self.batch} is more than the {count:,} images that a child is "
                "trained on; use a smaller batch or more images"
            )
        if loaded.num_classes < 2:
            raise UserError(
                f"images.name: {images.name} has one class, so every child would have the same "
                "accuracy; use a set with two classes or more"
            )
        assert isinstance(space, NetworkSpace)
        rng = np.random.default_rng(0)
        drawn = (space.random(rng) for _ in range(100))
        known = next((p for p in drawn if self.knows(p, space, images)), None)
        example = space.decode(known or space.random(rng))
        if isinstance(example, Architecture):
            for name, off in _OF_CELLS.items():
                if getattr(self, name) != off:
                    raise UserError(
                        f"{where}.{name}: is for networks stacked of cells, and this space has "
                        "whole ones; leave it out"
                    )
        with _faults_named():
            child_summary(example, self.trained_child(example, loaded.size, loaded.num_classes))

    def trained_child(self, genotype: ImageGenotype, size: Size, num_classes: int) -> StackConfig:
        return self.child(genotype, size, num_classes).replace(
            stem=self.stem,
            empty_group=self.empty_group,
            drop_path_keep=self.drop_path_keep,
            auxiliary_head=self.auxiliary_weight > 0.0,
        )

    def costs(
        self, genotype: ImageGenotype | None, images: ImageSettings, table: CostTable
    ) -> dict[str, float]:
        if self.precision != table.machine.precision or self.xla:
            raise UserError(
                f"costs: times are those of {table.machine.precision} without XLA; use "
                f"evaluator.train.precision={table.machine.precision} and "
                "evaluator.train.xla=false, or no cost table"
            )
        with _faults_named():
            return super().costs(genotype, images, table)

    def _steps(self, predicted: Mapping[str, float]) -> int:
        """Steps of a training of `predicted_seconds`; 0 where epochs count."""
        if not self.predicted_seconds:
            return 0
        steps = int(self.predicted_seconds / predicted["step_seconds"])
        if not steps:
            raise TimeoutError(
                f"a step takes {predicted['step_seconds']:.3g} s by the cost table, which is more "
                f"than the {self.predicted_seconds:g} s of the whole training"
            )
        return steps

    def score(self, request: Request) -> Score:
        from cell_search.children.precision import MIXED, mixed_bfloat16
        from cell_search.evaluators._kept_files import TrainingFiles
        from cell_search.evaluators.train import loop

        images = image_files.load(request.images)
        config = self.trained_child(request.network, images.size, images.num_classes)
        with mixed_bfloat16(self.precision == MIXED):
            trained = loop.train_child(
                request.network,
                config,
                images,
                self,
                seed=request.seed,
                deterministic=request.deterministic,
                until=request.until,
                steps=self._steps(request.predicted),
                files=TrainingFiles(request) if request.folder else None,
                parent=request.parent,
            )
        return Score({**trained, **child_sizes(request.network, config)})

    def reward_from(self, accuracies: Sequence[float]) -> float:
        """The reward of a child.

        Args:
            accuracies: after epoch upon epoch, as many as count at least; the last one last.
        """
        recent = accuracies[-self.reward_epochs :]  # All of them for 0.
        kinds = {"last": recent[-1], "best": max(recent), "mean": sum(recent) / len(recent)}
        return float(kinds[self.reward_of] ** self.reward_power)

    def metrics(self) -> tuple[str, ...]:
        names = ["accuracy", "loss", "training_loss", "steps", "parameters", "multiply_adds"]
        names += ["reward"] if self.reward == "reward" else []
        names += ["inherited"] if self.inherit else []
        names += ["latency_ms"] if self.latency_runs else []
        return tuple(names)

    def forget(self, folder: str, number: int, *, succeeded: bool) -> None:
        if folder and not (self.inherit and succeeded):
            from cell_search.evaluators._kept_files import remove_training

            remove_training(folder, number)

    def from_scratch(self) -> Evaluator:
        # A longer training has another time limit, if any, and nobody to start from.
        if not self.inherit and not self.seconds:
            return self
        return dataclasses.replace(self, inherit=False, seconds=0.0)

    def longer(self) -> Evaluator:
        if self.predicted_seconds:
            # At equal cost the size of the network is the candidate's affair.
            return dataclasses.replace(self, predicted_seconds=4.0 * self.predicted_seconds)
        return dataclasses.replace(
            self,
            normal_cells=2 * self.normal_cells,
            filters=2 * self.filters,
            epochs=4 * self.epochs,
        )

    def transfer_settings(self, searched: Mapping[str, Any], batch: int) -> dict[str, Any]:
        # The network of the winner is that of the child, also where its stem was not decided.
        own = {"stem": self.stem, **({"empty_group": self.empty_group} if self.empty_group else {})}
        return super().transfer_settings({**own, **searched}, batch)

    @property
    def augmentation(self) -> Augmentation:
        return Augmentation(self.flip, self.shift, self.cutout)


#: Settings that say nothing of whole networks, and their values where nothing is wanted of them.
_OF_CELLS = {"stem": "cifar", "empty_group": 0, "drop_path_keep": 1.0, "auxiliary_weight": 0.0}


@contextlib.contextmanager
def _faults_named() -> Iterator[None]:
    """Names the settings in whose terms `cells.network.stack_config` finds fault with a network."""
    try:
        yield
    except UserError as error:
        field, _, rest = str(error).partition(":")
        own = {f.name: f"evaluator.train.{f.name}" for f in dataclasses.fields(Train)}
        if field not in own | _CALLED:
            raise
        raise UserError(f"{(own | _CALLED)[field]}:{rest}") from None


#: What the settings are called that `cells.network.stack_config` finds fault with.
_CALLED = {"image_size": "images.size", "auxiliary_head": "evaluator.train.auxiliary_weight"}
