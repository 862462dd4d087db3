"""The paper's score: a small child network, trained shortly, on held-out images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cell_search import images as image_files
from cell_search.evaluators._child import child_config, child_summary
from cell_search.evaluators._evaluation import EVALUATORS, Evaluator, Request
from cell_search.images import ImageSettings
from cell_search.space import Space
from cells.errors import UserError


@EVALUATORS.register("train")
@dataclass(frozen=True)
class Train(Evaluator):
    """Trains the child from scratch; the reward is the held-out accuracy after the last epoch.

    Momentum, one period of a cosine, L2, gradient clipping: Zoph et al. 2018, section 4 and
    appendix A.1 (N = 2, 20 epochs there).

    Attributes:
        normal_cells: N.
        filters: F.
        epochs: passes over the training images.
        batch: images of a step.
        learning_rate: at the start of the cosine.
        momentum: of stochastic gradient descent.
        l2: factor of the sum of squares of all kernels.
        clip: largest global norm of a gradient.
        flip: whether images are mirrored at random (not for digits and letters).
        shift: pixels by which they are moved at random, at most.
        latency_runs: how often the trained child's answer to one image is timed, for the metric
            `latency_ms`; 0: not at all.
    """

    reward: ClassVar[str] = "accuracy"

    normal_cells: int = 2
    filters: int = 32
    epochs: int = 20
    batch: int = 128
    learning_rate: float = 0.1
    momentum: float = 0.9
    l2: float = 5e-4
    clip: float = 5.0
    flip: bool = True
    shift: int = 4
    latency_runs: int = 0

    def check(self, images: ImageSettings, space: Space) -> None:
        where = "evaluator.train"
        for name, least in (("epochs", 1), ("batch", 1), ("shift", 0), ("latency_runs", 0)):
            if getattr(self, name) < least:
                raise UserError(f"{where}.{name}: {getattr(self, name)}: use at least {least}")
        for name in ("learning_rate", "clip"):
            if not getattr(self, name) > 0.0:
                raise UserError(f"{where}.{name}: {getattr(self, name)}: must be larger than 0")
        super().check(images, space)
        count = len(image_files.load(images).training[0])
        if count < self.batch:
            raise UserError(
                f"{where}.batch: {self.batch} is more than the {count:,} images that a child is "
                "trained on; use a smaller batch or more images"
            )

    def score(self, request: Request) -> dict[str, float]:
        from cell_search.evaluators import _training

        assert request.genotype is not None
        images = image_files.load(request.images)
        config = child_config(
            request.genotype,
            normal_cells=self.normal_cells,
            filters=self.filters,
            size=images.size,
            num_classes=images.num_classes,
        )
        counts = child_summary(request.genotype, config)
        assert counts.multiply_adds is not None
        trained = _training.train_child(
            request.genotype,
            config,
            images,
            self,
            seed=request.seed,
            deterministic=request.deterministic,
        )
        return {
            **trained,
            "parameters": counts.trainable,
            "multiply_adds": counts.multiply_adds,
        }

    def metrics(self) -> tuple[str, ...]:
        names = ("accuracy", "loss", "training_loss", "steps", "parameters", "multiply_adds")
        return (*names, "latency_ms") if self.latency_runs else names

    def network(self) -> dict[str, int]:
        return {"normal_cells": self.normal_cells, "filters": self.filters}
