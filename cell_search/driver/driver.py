"""The driver: asks the strategy, has candidates evaluated, tells the study."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import sys
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from cell_search.config.schema import SieveConfig
from cell_search.config.search import Search
from cell_search.driver import inputs
from cell_search.driver.kept_weights import Weights
from cell_search.evaluators import Request, Result
from cell_search.output import report, results
from cell_search.output.progress import Progress, trial_name
from cell_search.output.tensorboard_logs import Boards
from cell_search.pools import Pool
from cell_search.search_result import SearchResult
from cell_search.selection import sieve
from cell_search.selection.first import FirstTrial, known_cells, require_same
from cell_search.space.space import Point, genotype_of
from cell_search.strategies import trial_of
from cell_search.study import trials
from cell_search.study.directory import SearchDirectory
from cell_search.study.studies import SIEVE_NAME, STUDY_NAME, Studies
from cell_search.trial_keys import ALONG, FINAL
from cells.genotype.genotype import Genotype
from cells.support.errors import UserError
from cells.support.signals import Interruptible

#: A space of so many points, at most, is looked at for candidates that are left.
LISTED = 4096

#: So many new cells are drawn for a report while workers may be waiting.
DRAWINGS = 5


@dataclass(frozen=True)
class Files:
    """What a search with a directory writes of itself."""

    directory: SearchDirectory
    search: Search
    study: optuna.Study

    def report(self) -> None:
        """Writes `report.html` from the trials so far."""
        report.write(self.directory, self.search, self.study, drawings=DRAWINGS)

    def write(self) -> tuple[str, ...]:
        """Writes the winner and all else that a search leaves; returns the paths to show."""
        written = results.write(self.directory, self.search, self.study)
        return (*written, report.write(self.directory, self.search, self.study))


def search(studies: Studies, search: Search, interruptible: Interruptible) -> SearchResult:
    """Runs a search until it has all its trials, or goes on with one.

    A trial is a record before its candidate is evaluated, so a trial that was running when an
    earlier driver died is evaluated again, under its own number.

    Args:
        studies: a directory, where everything lies, locked by the caller; or a search in memory.
        search: what to do.
        interruptible: listens for Ctrl-C and SIGTERM.

    Returns:
        The study, and the paths of what was written, to show.

    Raises:
        UserError: the settings are at fault, or no candidate succeeded.
        Interruption: by a signal; nothing is lost but what was running.
    """
    study = studies.open_study([o.direction for o in search.objectives], interruptible.sleep)
    search.space.follow(functools.partial(trial_of, study))
    inputs.require_same(study, search)
    files = None
    if isinstance(studies, SearchDirectory):
        files = Files(studies, search, study)
        studies.note_config(study)
    known = known_cells(search)
    require_same(known, search, study)
    for trial in known:
        if trial.changed and not study.get_trials(deepcopy=False):
            print(f"{trial.name} is tried first, as it fits the space: {trial.changed}", flush=True)
    first = [*known, *_sieved(studies, search, interruptible, files, known)]
    run(studies, STUDY_NAME, search, study, interruptible, files, first)
    if files is None:
        results.best_of(search, study)  # One succeeded.
        return SearchResult(search, studies, study)
    return SearchResult(search, studies, study, files.write())


def _sieved(
    studies: Studies,
    search: Search,
    interruptible: Interruptible,
    files: Files | None,
    known: Sequence[FirstTrial],
) -> list[FirstTrial]:
    """What the sieve keeps beside the known cells, best first; nothing where there is none."""
    if search.sieve is None:
        return []
    directions = [o.direction for o in search.sieve.objectives]
    study = studies.open_sieve(directions)
    key = search.space.canonical_key
    met = {key(trial.point) for trial in known}
    sieve.begin(study, search.sieve, lambda p: key(p) not in met and search.feasible(p))
    print(_about(search.sieve, search.config.sieve), flush=True)
    # The search has trials of these numbers, too.
    named = "candidate {0.number} of the sieve".format
    # Where several scores vote, one candidate alone has no place.
    alone = len(search.config.sieve.vote) < 2
    run(studies, SIEVE_NAME, search.sieve, study, interruptible, files, (), named, alone)
    return [FirstTrial(search.space.point(t) or {}) for t in sieve.kept(search, study)]


def _about(own: Search, asked: SieveConfig) -> str:
    """What the scores of a sieve are for, and which are good."""
    votes = asked.vote or [("" if o.maximize else "-") + o.metric for o in own.objectives[:1]]
    told = " and ".join(
        f"{vote.removeprefix('-')} ({'smaller' if vote.startswith('-') else 'larger'} is better)"
        for vote in votes
    )
    return (
        f"the sieve scores {asked.candidates:,} candidates cheaply by {told}; the best "
        f"{asked.keep:,} are trained first"
    )


def run(
    studies: Studies,
    part: str,
    search: Search,
    study: optuna.Study,
    interruptible: Interruptible,
    files: Files | None,
    first: Sequence[FirstTrial] = (),
    named: Callable[[FrozenTrial], str] = trial_name,
    places: bool = False,
) -> None:
    """Evaluates trials until the study has as many as the configuration says.

    Args:
        studies: of the search.
        part: which of them: `STUDY_NAME`, `SIEVE_NAME`, or the name of a re-ranking.
        search: what to do.
        study: holds the trials; those that are running in it are evaluated first.
        interruptible: listens for Ctrl-C and SIGTERM.
        files: what is written now and then; None where there is no directory.
        first: the first trials; the strategy proposes those of the others.
        named: what a trial is called on the screen.
        places: whether each is said to be at a place among those so far.

    Raises:
        UserError: the settings are at fault.
        Interruption: by a signal; nothing is lost but what was running.
    """
    trials.name_objectives(study, search.objectives)
    weights = studies.weights(search.config.weights_dir, part)
    boards = Boards(files.directory.tensorboard(part), search) if files else None
    driver = _Driver(boards, weights, search, study, interruptible, files, first, named, places)
    try:
        with driver.progress:
            driver.run()
    except BaseException:
        driver.pool.close()
        if boards:
            # What has ended the search is what people must read.
            with contextlib.suppress(UserError):
                boards.close()
        raise
    driver.warn()
    driver.pool.close()
    if boards:
        boards.close()


def request_of(
    search: Search,
    number: int,
    point: Point,
    parent: int | None = None,
    *,
    folder: str = "",
    until: int = 0,
) -> Request:
    """What a worker is sent to evaluate a trial.

    Args:
        search: what to do.
        number: of the trial.
        point: its decisions.
        parent: the trial whose weights the child may start from.
        folder: where the evaluator may keep files.
        until: the rung at which it stops; 0: at the end.
    """
    config = search.config
    seed = np.random.SeedSequence([config.seed, number]).generate_state(1)[0]
    return Request(
        number=number,
        genotype=genotype_of(search.space, point),
        decisions=point,
        space=search.space,
        evaluator=search.evaluator_of(point),
        images=search.images,
        seed=int(seed),
        deterministic=config.deterministic,
        parent=parent,
        folder=folder,
        until=until,
        predicted=search.predicted(point),
    )


class _Driver:
    def __init__(
        self,
        boards: Boards | None,
        weights: str,
        search: Search,
        study: optuna.Study,
        interruptible: Interruptible,
        files: Files | None,
        first: Sequence[FirstTrial],
        named: Callable[[FrozenTrial], str],
        places: bool,
    ):
        self.search, self.study, self.first = search, study, first
        self.weights = Weights(weights, search.evaluator, search.strategy)
        self.interruptible, self.files, self.boards = interruptible, files, boards
        self.pool: Pool = search.pool.open()
        known = study.get_trials(deepcopy=False)
        finished = [t for t in known if t.state.is_finished()]
        self.left = [t for t in known if t.state == TrialState.RUNNING]
        self.again: list[FrozenTrial] = []
        self.begun, self.finished = len(known), len(finished)
        self.news: list[int] = []
        self.progress = Progress(search.config.trials, finished, search.objectives, named, places)
        self.reported, self.warned = time.monotonic(), False
        self.untried = _untried(search, known)

    def run(self) -> None:
        for trial in self.left:
            self.weights.begins(trial.number, trials.parent(trial))
        for trial in reversed(self.left):
            self._go_on(trial.number)
        running: dict[Future[Result], int] = {}
        while self.finished < self.search.config.trials:
            if not running and not self.again and self.begun == self.finished and self._exhausted:
                print(
                    f"cell-search: all candidates of the space have been tried in {self.begun:,} "
                    "trials, so the search ends",
                    flush=True,
                )
                break
            while len(running) < self.pool.workers and (request := self._next()) is not None:
                with self.interruptible.block():
                    running[self.pool.submit(request)] = request.number
            self.progress.running = len(running)
            # Now that all have work, and whoever ends meanwhile waits a moment.
            self._report()
            with self.interruptible.block():
                done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in sorted(done, key=lambda f: running[f]):
                self._tell(running.pop(future), future.result())

    def _next(self) -> Request | None:
        """The next request: a trial that is to go on, else a new one."""
        if self.again:
            trial = self.again.pop(0)
            until = self.search.rungs.until(trial)
            return self._request(trial.number, trial.params, trials.parent(trial), until)
        if self.begun >= self.search.config.trials or self._exhausted:
            return None
        number, space = self.begun, self.search.space
        if number < len(self.first):
            name, point = self.first[number].name, self.first[number].point
            rejected, parent = list[Point](), None
        else:
            point, rejected = trials.propose_feasible(
                self.study,
                self.search.strategy,
                space,
                number,
                self.search.feasible,
                self.search.bounds,
                self.news,
            )
            self.news, name = [], ""
            parent = self.search.strategy.parent(point)
        config, evaluator = self.search.config, self.search.evaluator
        final = config.trials if number >= config.trials - evaluator.final_candidates else 0
        along = None
        if evaluator.along == "another" and not final:
            drawn = self.search.strategy.another(number)
            along = drawn if self.search.feasible(drawn) else point
        trials.begin(
            self.study,
            space,
            point,
            rejected,
            after=self.finished,
            parent=parent,
            first=name,
            along=along,
            final=final,
        )
        self.begun += 1
        if self.untried is not None:
            self.untried.discard(space.canonical_key(point))
        self.weights.begins(number, parent)
        return self._request(number, point, parent, self.search.rungs.until(None))

    @property
    def _exhausted(self) -> bool:
        """Whether every candidate of the space has a trial."""
        return self.untried is not None and not self.untried

    def _request(self, number: int, point: Point, parent: int | None, until: int) -> Request:
        request = request_of(
            self.search, number, point, parent, folder=self.weights.folder, until=until
        )
        if self.search.evaluator.along == "itself" and not self.search.evaluator.final_candidates:
            return request
        noted, space = trial_of(self.study, number).user_attrs, self.search.space
        along = genotype_of(space, space.from_indices(noted[ALONG])) if ALONG in noted else None
        assert along is None or isinstance(along, Genotype)
        return dataclasses.replace(request, along=along, final=FINAL in noted)

    def _tell(self, number: int, result: Result) -> None:
        if self.search.rungs.record(self.study, number, result):
            self._go_on(number)
            return
        trials.finish(self.study, number, result, self.search.objectives, order=self.finished)
        self._over(number)

    def _go_on(self, number: int) -> None:
        """Ends a trial at the rung that it has passed, or lets it go on before any new one."""
        trial = trial_of(self.study, number)
        if self.search.rungs.prunes(self.study, trial):
            trials.prune(self.study, number, order=self.finished)
            self._over(number)
        else:
            self.again.insert(0, trial)

    def _over(self, number: int) -> None:
        trial = trial_of(self.study, number)
        self.finished += 1
        self.news.append(number)
        self.progress.finished(trial)
        if self.boards:
            self.boards.finished(trial, self.progress.best)
        self.weights.ends(number, succeeded=trial.state != TrialState.FAIL)

    def _report(self) -> None:
        minutes = self.search.config.report_minutes
        if minutes and time.monotonic() - self.reported > 60 * minutes:
            self.warn()
            if self.files and self.boards:
                self.files.report()
                self.boards.picture()
            self.reported = time.monotonic()

    def warn(self) -> None:
        """Says once that no strategy can learn from the results, where that is so."""
        metric = self.search.objectives[0].metric
        said = trials.constant(self.study.get_trials(deepcopy=False), self.search.space, metric)
        if said and not self.warned:
            self.warned = True
            print(f"cell-search: {said}", file=sys.stderr, flush=True)


def _untried(search: Search, known: Sequence[FrozenTrial]) -> set[Hashable] | None:
    """The keys of the candidates that have no trial; None where they are not listed.

    Nothing is listed in a large space, nor where a candidate may well be scored again: its score
    depends on those before it, or the evaluator itself says what comes next.
    """
    again = search.strategy.follows or search.evaluator.one_at_a_time
    listed = search.strategy.listed
    if again or (listed is None and search.space.size > LISTED):
        return None
    space = search.space
    # A list holds feasible ones alone.
    points = listed.points(space) if listed else filter(search.feasible, space.all_points())
    keys = {space.canonical_key(p) for p in points}
    return keys - {space.canonical_key(t.params) for t in known}
