"""A search as Python users hold it: the best candidates, all trials, and where they lie."""

from __future__ import annotations

import pathlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from cell_search.config.schema import SearchConfig
from cell_search.config.search import Search
from cell_search.output import results
from cell_search.output.progress import number
from cell_search.space.space import genotype_of
from cell_search.study import trials
from cell_search.study.directory import SearchDirectory
from cell_search.study.studies import Studies
from cell_search.trial_keys import METRICS
from cells.kinds.files import AnyGenotype

_STATES = {
    TrialState.COMPLETE: "with a score",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
}


@dataclass(frozen=True)
class Candidate:
    """A candidate of a search that has a score.

    Attributes:
        trial: the number of its trial.
        score: the values of the objectives by name, as in the study.
        decisions: its choices by the names of the space's decisions.
        genotype: the cells; None in a space whose candidates are no genotypes.

    Example:
        >>> def found(decisions):
        ...     return sum(choice == "none" for choice in decisions.values())
        >>> result = cell_search.search(score=found, space="nas_bench_201", trials=2)
        >>> best = result.best
        >>> best.genotype is None, best.score["score"] == found(best.decisions)
        (True, True)
    """

    trial: int
    score: dict[str, float]
    decisions: dict[str, Any]
    genotype: AnyGenotype | None


@dataclass(frozen=True)
class SearchResult:
    """What a search has found, finished or not.

    Attributes:
        resolved: what the configuration stands for.
        studies: the directory of the search, or its studies in memory.
        study: the Optuna study with all trials.
        paths: what the last call wrote, for people; empty without a directory.

    Example:
        >>> def joined(genotype):
        ...     return len(genotype.normal.concat)
        >>> result = cell_search.search(score=joined, strategy="random", trials=3)
        >>> [trial["state"] for trial in result.trials]
        ['COMPLETE', 'COMPLETE', 'COMPLETE']
        >>> result.top[0] == result.best
        True
    """

    resolved: Search
    studies: Studies
    study: optuna.Study
    paths: tuple[str, ...] = ()

    @property
    def config(self) -> SearchConfig:
        """The configuration, complete."""
        return self.resolved.config

    @property
    def directory(self) -> pathlib.Path | None:
        """The folder of the search; None where it is in memory."""
        return self.studies.path if isinstance(self.studies, SearchDirectory) else None

    @property
    def top(self) -> list[Candidate]:
        """The best different candidates, `config.top` at most, best first.

        By a re-ranking where there is one, else by the first objective. Empty while none has a
        score.
        """
        known = self.study.get_trials(deepcopy=False)
        again = results.reranking_of(self.resolved, self.study)
        return [self._candidate(trial) for trial in results.ranked(self.resolved, known, again)]

    @property
    def best(self) -> Candidate:
        """The first of `top`.

        Raises:
            UserError: no candidate has a score; says why the last one failed.
        """
        again = results.reranking_of(self.resolved, self.study)
        where = f"{self.directory}: " if self.directory else ""
        return self._candidate(results.best_of(self.resolved, self.study, again, where=where)[0])

    @property
    def genotype(self) -> AnyGenotype:
        """The cells of the best candidate.

        Raises:
            UserError: no candidate has a score.
            TypeError: the candidates of this space are no genotypes; see `best.decisions`.
        """
        found = self.best.genotype
        if found is None:
            raise TypeError("genotype: candidates of this space are none; use best.decisions")
        return found

    @property
    def summary(self) -> str:
        """How many trials there are, and the best of them, in a line.

        Raises:
            UserError: no candidate has a score.
        """
        states = Counter(trial.state for trial in self.study.get_trials(deepcopy=False))
        counts = [f"{states[state]:,} {word}" for state, word in _STATES.items() if states[state]]
        best = self.best
        score = ", ".join(f"{name} {number(value)}" for name, value in best.score.items())
        line = f"{states.total():,} trials ({', '.join(counts)}), best {score} (trial {best.trial})"
        again = results.reranking_of(self.resolved, self.study)
        if again is not None and again.scored:
            line += f"; trained again, {again.reward} {number(again.scored[0].mean)}"
        return line

    @property
    def trials(self) -> list[dict[str, Any]]:
        """All trials as flat records, such as a table (`pandas.DataFrame(result.trials)`) takes.

        Each has `number`, `state` (`COMPLETE`, `FAIL`, `PRUNED` or `RUNNING`), the values of the
        objectives and metrics by name (None where there is no score), `seconds`, `failure` (""
        where it did not fail), and the decisions as `decision/NAME`.
        """
        names = [o.metric for o in self.resolved.objectives]
        records = []
        for trial in self.study.get_trials(deepcopy=False):
            values = trial.values or [None] * len(names)
            failed = trial.state == TrialState.FAIL
            records.append(
                {
                    "number": trial.number,
                    "state": trial.state.name,
                    **trial.user_attrs.get(METRICS, {}),
                    **dict(zip(names, values, strict=True)),
                    "seconds": trials.seconds(trial),
                    "failure": trials.failure(trial) if failed else "",
                    **{f"decision/{name}": value for name, value in trial.params.items()},
                }
            )
        return records

    def _candidate(self, trial: FrozenTrial) -> Candidate:
        return Candidate(
            trial=trial.number,
            score=results.score(trial, self.resolved),
            decisions=dict(trial.params),
            genotype=genotype_of(self.resolved.space, trial.params),
        )
