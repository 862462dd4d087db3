"""The score of a candidate with weights that all candidates share (Pham et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cell_search import images as image_files
from cell_search.evaluators._base import EVALUATORS, MAX_COUNT, Score
from cell_search.evaluators._child_network import child_sizes
from cell_search.evaluators._one_network import OneNetworkEvaluator
from cell_search.evaluators._request import Request
from cell_search.images import ImageSettings
from cell_search.space.space import Space
from cells.genotype.genotype import Genotype
from cells.network.stack_config import MAX_CELLS, MAX_FILTERS, MAX_SIDE, StackConfig
from cells.support.errors import UserError
from cells.support.settings import setting


@EVALUATORS.register("shared_weights")
@dataclass(frozen=True)
class WeightSharing(OneNetworkEvaluator):
    """Trains the weights that all candidates share along this candidate, then scores it with them.

    Each candidate is a turn of the two that ENAS alternates: `steps` minibatches train the shared
    weights along the path that the strategy proposed, and the accuracy on validation minibatches
    is what the strategy learns from. The authors' search on CIFAR-10 makes 281 minibatches and
    300 rewards an epoch: about one for one, as the defaults do. Batch norms use the statistics of
    the minibatch. Which weights two candidates have in common is told by
    `cell_search.children.shared.SharedWeights`.

    Scores grow while the weights learn, so they compare candidates of about the same time only;
    the best are to be trained from scratch, as `--mode=rerank` does.

    The weights live in one process, so candidates are scored one after the other.

    Attributes:
        normal_cells: N.
        filters: F.
        steps: minibatches along each candidate, before it is scored.
        warm_up: minibatches along random candidates, before the first is scored.
        batch: images of a minibatch.
        learning_rate: at the start of each cosine.
        learning_rate_end: at its end.
        period: passes over the training images of the first cosine; each further one is twice as
            long (warm restarts, Loshchilov & Hutter 2017).
        momentum: of stochastic gradient descent.
        l2: factor of the sum of squares of all kernels of the path.
        clip: largest global norm of a gradient.
        flip: whether images are mirrored at random (not for digits and letters).
        shift: pixels by which they are moved at random, at most.
        dropout: rate before the classifier.
        auxiliary_weight: factor of the loss of a second classifier in training; 0: none.
        drop_path_keep: probability of keeping a path of the last cell once `epochs` have passed.
        epochs: passes over the training images in which drop path grows to that.
        validation_batch: images of a validation minibatch.
        validation_batches: how many of them score a candidate.
        along: which path the minibatches train: that of the candidate `itself`, so that it is
            scored with weights that have just seen it, or `another`, which the strategy draws for
            that, as the authors draw the architectures of both turns.
        final_candidates: how many of the last trials are drawn from the trained strategy and scored
            with the weights as they are then, all on the same minibatches; the best of the search
            are the best of these. 0: the best scores of all trials.
        final_batches: validation minibatches that score each of those.
        save_every: candidates between two savings of the weights. With 1, a search that was killed
            goes on as if it had not been; else the weights are those of the last saving.
    """

    reward: ClassVar[str] = "accuracy"

    normal_cells: int = setting(2, least=1, most=MAX_CELLS)
    filters: int = setting(20, least=2, most=MAX_FILTERS)
    steps: int = setting(1, least=1, most=MAX_COUNT)
    warm_up: int = setting(0, least=0, most=MAX_COUNT)
    batch: int = setting(160, least=1, most=MAX_COUNT)
    learning_rate: float = setting(0.05, above=0, most=1e3)
    learning_rate_end: float = setting(0.0005, above=0, most=1e3)
    period: int = setting(10, least=1, most=MAX_COUNT)
    momentum: float = setting(0.9, least=0, below=1)
    l2: float = setting(1e-4, least=0, most=1e3)
    clip: float = setting(5.0, above=0)
    flip: bool = True
    shift: int = setting(4, least=0, most=MAX_SIDE)
    dropout: float = setting(0.0, least=0, below=1)
    auxiliary_weight: float = setting(0.0, least=0, most=1e6)
    drop_path_keep: float = setting(1.0, above=0, most=1)
    epochs: int = setting(150, least=1, most=MAX_COUNT)
    validation_batch: int = setting(500, least=1, most=MAX_COUNT)
    validation_batches: int = setting(1, least=1, most=MAX_COUNT)
    along: str = setting("itself", choices=("itself", "another"))
    final_candidates: int = setting(0, least=0, most=MAX_COUNT)
    final_batches: int = setting(10, least=1, most=MAX_COUNT)
    save_every: int = setting(1, least=1, most=MAX_COUNT)

    def check(self, images: ImageSettings, space: Space) -> None:
        where = "evaluator.shared_weights"
        super().check(images, space)
        loaded = image_files.load(images)
        for name, wanted, there, what in (
            ("batch", self.batch, len(loaded.training[1]), "training"),
            (
                "validation_batch",
                self.validation_batch * self._most_batches,
                len(loaded.held_out[1]),
                "held-out",
            ),
        ):
            if there < wanted:
                raise UserError(
                    f"{where}.{name}: takes {wanted:,} of the {there:,} {what} images; use a "
                    "smaller number or more images"
                )

    @property
    def _most_batches(self) -> int:
        return max(self.validation_batches, self.final_batches if self.final_candidates else 1)

    def score(self, request: Request) -> Score:
        from cell_search.evaluators.shared_weights import loop

        images = image_files.load(request.images)
        config = self.config(request.cells, images)
        trained = loop.train_and_score(request, self, images)
        return Score({**trained, **child_sizes(request.cells, config)})

    def config(self, genotype: Genotype, images: image_files.Images) -> StackConfig:
        """The child network of a candidate.

        Args:
            genotype: the candidate.
            images: give size and classes.
        """
        return self.child(genotype, images.size, images.num_classes).replace(
            dropout=self.dropout,
            auxiliary_head=self.auxiliary_weight > 0.0,
            drop_path_keep=self.drop_path_keep,
        )

    def metrics(self) -> tuple[str, ...]:
        return ("accuracy", "loss", "training_loss", "steps", "parameters", "multiply_adds")
