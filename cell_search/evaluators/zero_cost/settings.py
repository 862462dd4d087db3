"""Scores at initialisation: one batch and no training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cell_search import images as image_files
from cell_search.evaluators._base import EVALUATORS, MAX_COUNT, Score
from cell_search.evaluators._child_network import ChildEvaluator, child_summary
from cell_search.evaluators._request import Request
from cell_search.evaluators.zero_cost import SCORES
from cell_search.images import ImageSettings
from cell_search.space.space import Space
from cells.network.stack_config import MAX_CELLS, MAX_FILTERS
from cells.support.errors import UserError, require_known
from cells.support.settings import setting

#: Always among the metrics: they cost nothing.
_CONTROLS = ("parameters", "multiply_adds")


@EVALUATORS.register("zero_cost")
@dataclass(frozen=True)
class ZeroCost(ChildEvaluator):
    """Scores a child before its first step; the reward is the first of the scores.

    All candidates are shown the same images. The values of different scores cannot be added up;
    a vote of their ranks needs other candidates and is what `sieve.vote` is for.

    Attributes:
        scores: of `cell_search.evaluators.zero_cost`: `naswot`, `synflow` (both as
            logarithms), `snip`, `gradient_norm`, `jacobian_covariance`, `parameters`,
            `multiply_adds`.
        normal_cells: N.
        filters: F.
        batch: training images that are shown to the child.
    """

    scores: tuple[str, ...] = ("naswot", "synflow")
    normal_cells: int = setting(1, least=1, most=MAX_CELLS)
    filters: int = setting(16, least=2, most=MAX_FILTERS)
    batch: int = setting(32, least=2, most=MAX_COUNT)

    #: Which training images are shown, not which weights the child has.
    _IMAGES: ClassVar[int] = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "scores", tuple(self.scores))

    @property
    def reward(self) -> str:
        """The first of the scores."""
        return self.scores[0]

    def check(self, images: ImageSettings, space: Space) -> None:
        where = "evaluator.zero_cost"
        super().check(images, space)
        if not self.scores:
            raise UserError(f"{where}.scores: is empty; name one of {', '.join(SCORES)}")
        for name in self.scores:
            require_known(f"{where}.scores", name, SCORES, "score")
        count = len(image_files.load(images).training[0])
        if count < self.batch:
            raise UserError(
                f"{where}.batch: {self.batch} is more than the {count:,} training images; use a "
                "smaller batch or more images"
            )

    def score(self, request: Request) -> Score:
        import numpy as np
        import tensorflow as tf

        from cell_search.children import Child, bank_of
        from cell_search.evaluators._batches import Batches
        from cell_search.evaluators.zero_cost.probe import Probe

        if request.deterministic:
            tf.config.experimental.enable_op_determinism()
        images = image_files.load(request.images)
        config = self.child(request.network, images.size, images.num_classes)
        pixels, labels = images.training
        rng = np.random.default_rng(self._IMAGES)
        shown = np.sort(rng.choice(len(labels), self.batch, replace=False))
        probe = Probe(
            Child(request.network, config, bank_of(config.batch_norm_epsilon), request.seed),
            Batches(images, self.batch, self.augmentation).normalise(pixels[shown]),
            labels[shown],
            child_summary(request.network, config),
        )
        return Score({name: SCORES[name](probe) for name in (*self.scores, *_CONTROLS)})

    def metrics(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.scores, *_CONTROLS)))
