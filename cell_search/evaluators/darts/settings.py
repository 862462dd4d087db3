"""Cells by the gradient of a relaxed network (Liu et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cell_search import images as image_files
from cell_search.evaluators._base import EVALUATORS, MAX_COUNT, Score
from cell_search.evaluators._child_network import child_sizes
from cell_search.evaluators._one_network import OneNetworkEvaluator
from cell_search.evaluators._request import Request
from cell_search.images import ImageSettings
from cell_search.space.cell_space import CellSpace
from cell_search.space.relaxed import RelaxedSpace
from cell_search.space.space import Space
from cells.network.stack_config import MAX_CELLS, MAX_FILTERS, MAX_SIDE
from cells.support.errors import UserError
from cells.support.settings import setting


@EVALUATORS.register("darts")
@dataclass(frozen=True)
class Darts(OneNetworkEvaluator):
    """Trains one network of all operations, and with it the weights of the operations.

    A trial is an epoch. Trial n holds the cells that the paper's rule derives after n epochs; its
    evaluation says what they reach, trains one epoch more, and leaves the cells that follow from
    that as the decisions of the next trial, which the strategy `derived` proposes. So a search of
    E epochs has E + 1 trials. The reward is the number of epochs behind a trial: the paper takes
    the cells of the last epoch, and so does the search. (`objectives: [discrete_accuracy]` would
    take another.)

    The training images train the weights, the held-out images the alphas: the paper takes half of
    CIFAR-10's training images for each.

    Attributes:
        normal_cells: N; the network has 3N + 2 cells (8 in the paper's search).
        filters: F.
        epochs: passes over the training images.
        batch: images of a minibatch, of either kind.
        second_order: whether the alphas follow the loss after a step of the weights, by finite
            differences, or the loss as it is (first order).
        learning_rate: of the weights, at the start of the cosine.
        learning_rate_end: at its end.
        momentum: of the weights' stochastic gradient descent.
        l2: factor of the sum of squares of all kernels (half the paper's weight decay).
        clip: largest global norm of a gradient of the weights, before L2 is added to it.
        alpha_rate: of the alphas' Adam.
        alpha_decay: weight decay of the alphas.
        flip: whether images are mirrored at random (not for digits and letters).
        shift: pixels by which they are moved at random, at most.
        score_batches: minibatches of held-out images that score the network after an epoch; 0: all.
    """

    reward: ClassVar[str] = "epochs"
    proposes: ClassVar[bool] = True

    normal_cells: int = setting(2, least=1, most=MAX_CELLS)
    filters: int = setting(16, least=2, most=MAX_FILTERS)
    epochs: int = setting(50, least=1, most=MAX_COUNT)
    batch: int = setting(64, least=1, most=MAX_COUNT)
    second_order: bool = True
    learning_rate: float = setting(0.025, above=0, most=1e3)
    learning_rate_end: float = setting(0.001, above=0, most=1e3)
    momentum: float = setting(0.9, least=0, below=1)
    l2: float = setting(1.5e-4, least=0, most=1e3)
    clip: float = setting(5.0, above=0)
    alpha_rate: float = setting(3e-4, above=0, most=1e3)
    alpha_decay: float = setting(1e-3, least=0, most=1e3)
    flip: bool = True
    shift: int = setting(4, least=0, most=MAX_SIDE)
    score_batches: int = setting(0, least=0, most=MAX_COUNT)

    def check(self, images: ImageSettings, space: Space) -> None:
        where = "evaluator.darts"
        super().check(images, space)
        assert isinstance(space, CellSpace)
        RelaxedSpace(space)  # Whether it can be relaxed.
        loaded = image_files.load(images)
        count = min(len(loaded.training[1]), len(loaded.held_out[1]))
        if count < self.batch:
            raise UserError(
                f"{where}.batch: {self.batch} is more than the {count:,} images for the weights "
                "or for the alphas; use a smaller batch or more images"
            )

    def score(self, request: Request) -> Score:
        from cell_search.evaluators.darts import loop

        images = image_files.load(request.images)
        config = self.child(request.cells, images.size, images.num_classes)
        metrics, proposal = loop.score_and_train(request, self, images)
        return Score({**metrics, **child_sizes(request.cells, config)}, proposal)

    def metrics(self) -> tuple[str, ...]:
        return ("epochs", "accuracy", "discrete_accuracy", "loss", "parameters", "multiply_adds")
