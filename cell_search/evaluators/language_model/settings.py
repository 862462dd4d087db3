"""The score of a recurrent cell in Zoph & Le 2017: a language model, on the validation text."""

from __future__ import annotations

import dataclasses
import math
import pathlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from cell_search.evaluators._base import EVALUATORS, MAX_COUNT, Evaluator, Score
from cell_search.evaluators._request import Request
from cell_search.evaluators.language_model import text as texts
from cell_search.images import ImageSettings
from cell_search.space.recurrent_spaces import RecurrentSpace
from cell_search.space.space import Space
from cells.recurrent.genotype import RecurrentGenotype
from cells.support.errors import UserError, about
from cells.support.settings import setting

#: What the reward is made of: of Zoph & Le 2017, of Pham et al. 2018, and one that tells weak
#: children apart.
REWARDS = ("80/perplexity^2", "80/perplexity", "-loss")

OPTIMIZERS = ("sgd", "adam")


@EVALUATORS.register("language_model")
@dataclass(frozen=True)
class LanguageModel(Evaluator):
    """Trains a language model of the cell from scratch and scores it on the validation text.

    A loss is the mean over all words of a window, ends of sentences among them; rates and norms are
    meant so (Zaremba et al. 2014 take the sum over steps, so their norm 5 is 5 / 35 here).

    Attributes:
        text: a folder with `train.txt` and `valid.txt`, and `test.txt` for the winner of a
            re-ranking; one sentence a line, words parted by blanks.
        training_tokens: of the training text, the first; 0: all.
        units: width of the cells and of the embedding.
        layers: cells upon each other, each with weights of its own.
        tied: whether the embedding is the output matrix, too.
        epochs: passes over the training text.
        batch: parts of the text that are read side by side.
        steps: words over which gradients go back; states go on.
        optimizer: `adam`, or `sgd`.
        learning_rate: at the beginning.
        decay: the part of the training, at its end, in which the rate falls to 0 along a line.
        clip: largest global norm of a gradient.
        dropout: of what goes into each layer and out of the last one; one mask for all steps.
        recurrent_dropout: of h before its products; one mask for all steps.
        width: largest weight at first.
        reward_of: what the reward is: `80/perplexity^2`, `80/perplexity` or `-loss`.
        test: whether a re-ranking reads `test.txt` for its winner.
        keep: whether trained weights are kept, as they are in a re-ranking.
    """

    reward: ClassVar[str] = "reward"
    uses_images: ClassVar[bool] = False
    resumable: ClassVar[bool] = True

    text: str = setting("", shown=False)
    training_tokens: int = setting(0, least=0)
    units: int = setting(64, least=1, most=100_000)
    layers: int = setting(1, least=1, most=100)
    tied: bool = True
    epochs: int = setting(1, least=1, most=MAX_COUNT)
    batch: int = setting(20, least=1, most=MAX_COUNT)
    steps: int = setting(35, least=1, most=MAX_COUNT)
    optimizer: str = setting("adam", choices=OPTIMIZERS)
    learning_rate: float = setting(0.003, above=0, most=1e3)
    decay: float = setting(1.0, least=0, most=1)
    clip: float = setting(1.0, above=0)
    dropout: float = setting(0.0, least=0, below=1)
    recurrent_dropout: float = setting(0.0, least=0, below=1)
    width: float = setting(0.1, above=0, most=10)
    reward_of: str = setting(REWARDS[0], choices=REWARDS)
    test: bool = True
    keep: bool = False

    def check(self, images: ImageSettings, space: Space) -> None:
        super().check(images, space)
        where = "evaluator.language_model"
        if not self.text:
            raise UserError(
                f"{where}.text: name the folder of the text, with {texts.TRAINING} and "
                f"{texts.VALIDATION}"
            )
        known = texts.load(self.text)
        count = min(len(known.training), self.training_tokens or len(known.training))
        if count < self.batch * self.steps:
            raise UserError(
                f"{where}.steps: {self.batch} parts of {self.steps} words are more than the "
                f"{count:,} words of the training text; use fewer, or a longer text"
            )

    def check_space(self, space: Space) -> None:
        if not isinstance(space, RecurrentSpace):
            raise UserError(
                "evaluator.type: language_model scores recurrent cells; use space.name=recurrent "
                "or recurrent_darts, or another evaluator"
            )

    def score(self, request: Request) -> Score:
        import tensorflow as tf

        from cell_search.evaluators._kept_files import TrainingFiles
        from cell_search.evaluators.language_model.loop import Child

        if request.deterministic:
            tf.config.experimental.enable_op_determinism()
        assert isinstance(request.genotype, RecurrentGenotype)
        files = TrainingFiles(request) if request.folder else None
        child = Child(request.genotype, texts.load(self.text), self, request.seed)
        if files is not None and (kept := files.read()) is not None:
            child.restore(kept)
        child.run(min(request.until or self.epochs, self.epochs), files, every_epoch=self.keep)
        return Score(child.metrics())

    def reward_from(self, loss: float) -> float:
        """The reward of a validation loss.

        Args:
            loss: of a word, in the mean.
        """
        if self.reward_of == "-loss":
            return -loss
        return 80.0 * math.exp(-loss * (2 if self.reward_of == "80/perplexity^2" else 1))

    def metrics(self) -> tuple[str, ...]:
        return ("reward", "perplexity", "loss", "training_loss", "steps", "parameters")

    def files(self, images: ImageSettings) -> Iterable[tuple[str, str]]:
        folder = pathlib.Path(self.text)
        for name in (texts.TRAINING, texts.VALIDATION):
            yield f"language_model.text ({name})", str(folder / name)

    def forget(self, folder: str, number: int, *, succeeded: bool) -> None:
        if folder and not (self.keep and succeeded):
            from cell_search.evaluators._kept_files import remove_training

            remove_training(folder, number)

    def longer(self) -> Evaluator:
        return dataclasses.replace(self, epochs=4 * self.epochs)

    def deciding(self) -> Evaluator:
        return dataclasses.replace(self, keep=True)

    def check_leave(self) -> None:
        if self.test:
            with about(
                "rerank.evaluator.language_model.test", "put it there, or set this to false"
            ):
                texts.test(self.text)

    def leave(self, trained: Sequence[Request], folder: pathlib.Path) -> list[str]:
        from cell_search.evaluators.language_model import winner

        return winner.write(self, trained, folder / "winner")
