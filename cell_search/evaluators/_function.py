"""A function of the user's own as the score."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from cell_search.evaluators._base import EVALUATORS, Evaluator, Score
from cell_search.evaluators._request import Request
from cell_search.images import ImageSettings
from cell_search.space.space import Space
from cells.support.errors import UserError

#: What a function is given, and what it returns: its score, or metrics with `score` among them.
ScoreFunction = Callable[[Any], float | Mapping[str, float]]


@EVALUATORS.register("function")
@dataclass(frozen=True)
class Function(Evaluator):
    """Scores a candidate by a function of Python, see `cell_search.search`.

    The function is given the `Genotype` of a candidate, or the decisions by name in a space whose
    candidates are no genotypes, and returns a number, larger is better, or a mapping of metrics
    with the number as `score`. An exception that it raises fails the candidate alone.

    Attributes:
        name: module and name of the function: a search goes on with the function of that name.
        metric_names: what a mapping holds beside `score`, so that it can be an objective.
    """

    reward: ClassVar[str] = "score"
    uses_images: ClassVar[bool] = False

    name: str = ""
    metric_names: tuple[str, ...] = ()

    #: By name, of this process; a pickled evaluator brings its own along.
    _functions: ClassVar[dict[str, ScoreFunction]] = {}

    @classmethod
    def of(cls, function: ScoreFunction, metric_names: tuple[str, ...] = ()) -> Function:
        """The evaluator of a function.

        Args:
            function: scores a candidate.
            metric_names: what it returns beside `score`, where that is a mapping.

        Raises:
            UserError: it cannot be called.
        """
        if not callable(function):
            raise UserError(f"score: {type(function).__name__} cannot be called; give a function")
        part = getattr(function, "__qualname__", type(function).__qualname__)
        name = f"{getattr(function, '__module__', '')}.{part}"
        cls._functions[name] = function
        return cls(name, tuple(metric_names))

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "function": self._functions.get(self.name)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        function = state.pop("function")
        if function is not None:
            self._functions[state["name"]] = function
        vars(self).update(state)

    def check(self, images: ImageSettings, space: Space) -> None:
        if self.name not in self._functions:
            raise UserError(
                f"evaluator.type: 'function' scores with the function {self.name or 'of a program'}"
                ", which is not known here; call cell_search.search(score=...) with it from Python"
            )

    def check_workers(self) -> None:
        """Raises a UserError where other processes could not have the function."""
        try:
            pickle.dumps(self._functions[self.name])
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise UserError(
                f"score: {self.name} cannot be sent to workers ({error}); use a function that is "
                "defined in a module, or workers=1"
            ) from None

    def score(self, request: Request) -> Score:
        self.check(request.images, request.space)
        candidate = dict(request.decisions) if request.genotype is None else request.genotype
        said = self._functions[self.name](candidate)
        if not isinstance(said, Mapping):
            return Score({"score": float(said)})
        if "score" not in said:
            raise ValueError(f"{self.name} returned metrics without 'score'")
        return Score({name: float(value) for name, value in said.items()})

    def metrics(self) -> tuple[str, ...]:
        return (self.reward, *self.metric_names)
