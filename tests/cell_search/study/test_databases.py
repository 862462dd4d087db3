"""Studies in a database: a PostgreSQL server of its own, which is stopped and started again."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import optuna
import pytest
from drivers import Job, Scored, ends, has_finished, said, story, trials_of
from optuna.trial import TrialState
from pool_contract import wait_for

from benchmarks import postgresql
from cell_search.config import resolve, schema
from cell_search.evaluators import Result
from cell_search.space.published import named
from cell_search.study import database
from cell_search.study.directory import SearchDirectory
from cell_search.study.trials import begin, finish, propose
from cells.support import overrides
from cells.support.errors import UserError

Start = Callable[[Job], Any]


@pytest.fixture(scope="module")
def server() -> Iterator[postgresql.Server]:
    pytest.importorskip("psycopg", reason="the extra postgresql is not installed")
    with postgresql.server() as made:
        if made is None:
            pytest.skip("there is no PostgreSQL on this machine")
        yield made


def _told_once(job: Job, count: int) -> None:
    known = trials_of(job.path)
    assert [t.number for t in known] == list(range(count))
    assert {t.state for t in known} == {TrialState.COMPLETE}
    assert [t.user_attrs["finished"] for t in known] == list(range(count))


def test_a_search_in_a_database_is_that_in_a_file(
    server: postgresql.Server, tmp_path: pathlib.Path
) -> None:
    embedded = Job(tmp_path / "embedded", {"trials": 15})
    embedded.run()
    job = Job(tmp_path / "database", {"trials": 10, "storage": server.url, "study": "mine"})
    job.run()
    assert not (job.path / "study.journal").exists()
    # It goes on, and another one in the same database is another study.
    Job(job.path, {**job.settings, "trials": 15}).run()
    Job(tmp_path / "other", {"trials": 3, "storage": server.url, "study": "other"}).run()
    assert story(job.path) == story(embedded.path)
    assert len(trials_of(tmp_path / "other")) == 3
    # Anybody can read it with Optuna alone.
    plain = server.url.replace("postgresql:", "postgresql+psycopg:")
    read = optuna.load_study(study_name="mine", storage=plain)
    assert [t.value for t in read.trials] == [t.value for t in trials_of(embedded.path)]


def test_the_server_is_away_for_a_while(
    server: postgresql.Server, tmp_path: pathlib.Path, start: Start
) -> None:
    job = Job(
        tmp_path / "search",
        {"trials": 25, "storage": server.url, "study": "away"},
        Scored(seconds=0.1),
    )
    undisturbed = Job(tmp_path / "undisturbed", {"trials": 25})
    undisturbed.run()
    process = start(job)
    wait_for(lambda: has_finished(job.path, 5))
    server.stop()
    time.sleep(5.0)
    assert process.is_alive()
    server.start()
    ends(process)
    _told_once(job, 25)
    assert story(job.path) == story(undisturbed.path)
    lines = [line for line in said(job.path).splitlines() if "storage: " in line]
    assert "does not answer" in lines[0] and "next attempt in 1 s" in lines[0]
    assert "is back after" in lines[-1]


def test_a_driver_killed_with_a_database(
    server: postgresql.Server, tmp_path: pathlib.Path, start: Start
) -> None:
    settings = {"trials": 25, "storage": server.url, "study": "killed"}
    job = Job(tmp_path / "search", settings, Scored(seconds=0.05))
    undisturbed = Job(tmp_path / "undisturbed", {"trials": 25})
    undisturbed.run()
    for finished in (3, 9):
        process = start(job)
        wait_for(lambda finished=finished: has_finished(job.path, finished))
        process.kill()
        process.join()
    ends(start(job))
    _told_once(job, 25)
    assert story(job.path) == story(undisturbed.path)


def test_a_search_has_few_connections_and_leaves_none(
    server: postgresql.Server, tmp_path: pathlib.Path
) -> None:
    """Of the hundred that a server has for all; each opening of a study had its own."""
    import psycopg

    url = server.new_database("connections")
    with psycopg.connect(url, autocommit=True) as looking:

        def others() -> int:
            looking.execute("select pg_stat_clear_snapshot()")
            query = "select count(*) - 1 from pg_stat_activity where datname = 'connections'"
            return looking.execute(query).fetchone()[0]

        directory = SearchDirectory(tmp_path / "search")
        with directory.locked():
            directory.store_config({"storage": url, "study": "mine"})
            for number in range(5):
                study = directory.open_study()
                study.tell(study.ask(), number)
                assert len(directory.read_study().trials) == number + 1
            assert others() <= 2
        wait_for(lambda: others() == 0, 10)
        assert len(study.trials) == 5  # It connects again.


class Forgetful(optuna.storages.InMemoryStorage):
    """Does what it is told, and often loses the connection before or after it."""

    calls = 0

    def _lossy(self, method: Any, *arguments: Any) -> Any:
        self.calls += 1
        if self.calls % 3 == 1:
            raise database.ConnectionLost("before")
        found = method(*arguments)
        if self.calls % 3 == 2:
            raise database.ConnectionLost("after")
        return found

    def create_new_trial(self, *arguments: Any) -> int:
        return self._lossy(super().create_new_trial, *arguments)

    def set_trial_user_attr(self, *arguments: Any) -> None:
        self._lossy(super().set_trial_user_attr, *arguments)

    def set_trial_state_values(self, *arguments: Any) -> bool:
        return self._lossy(super().set_trial_state_values, *arguments)


def test_what_was_done_before_the_connection_was_lost_is_not_done_twice() -> None:
    waited: list[float] = []
    patient = database.Patient(Forgetful(), "it", lambda: None, waited.append)
    study = optuna.create_study(storage=patient, direction="maximize")
    space = named("pnas", 1)
    sampler = optuna.samplers.RandomSampler(seed=0)
    points = []
    for number in range(10):
        points.append(propose(study, sampler, space, number))
        begin(study, space, points[-1])
        finish(study, number, Result(float(number)), order=number)
    assert [t.value for t in study.trials] == [float(number) for number in range(10)]
    assert [t.params for t in study.trials] == points
    assert len(waited) >= 20
    with pytest.raises(UserError, match="has a result already"):
        finish(study, 3, Result(0.5), order=3)


def test_it_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    class Away(optuna.storages.InMemoryStorage):
        def get_all_studies(self) -> list:
            raise database.ConnectionLost("no route")

    monkeypatch.setattr(database, "_PATIENCE", 0.0)
    patient = database.Patient(Away(), "it", lambda: None, lambda _: time.sleep(0.001))
    with pytest.raises(UserError, match=r"it has been away for 0 minutes \(no route\)"):
        patient.get_all_studies()


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("nonsense", r"^storage: 'nonsense' is not a URL of a database"),
        ("oracle9://host/x", r"^storage: oracle9://host/x needs a driver that is not installed"),
        ("sqlite:////nowhere/at/all.db", r"^storage: sqlite.* cannot be opened \(.*unable to open"),
        (
            "postgresql://me:secret@127.0.0.1:1/x",
            r"^storage: postgresql\+psycopg://me:\*\*\*@127\.0\.0\.1:1/x (needs|cannot be opened)",
        ),
    ],
)
def test_a_database_that_is_not_there(url: str, sentence: str) -> None:
    values = overrides.override(schema.SearchConfig(), text=f"storage={url},study=mine")
    values.space.name = "pnas"
    values.evaluator.type = "parameters"
    with pytest.raises(UserError, match=sentence) as error:
        resolve.resolve(values).check()
    assert "secret" not in str(error.value)
    assert "\n" not in str(error.value)


def test_studies_in_sqlite_too(tmp_path: pathlib.Path) -> None:
    job = Job(tmp_path / "search", {"trials": 5, "storage": f"sqlite:///{tmp_path}/all.db"})
    with pytest.raises(UserError, match=r"^study: "):
        resolve.resolve(schema.from_values(job.settings, "test"))
    Job(job.path, {**job.settings, "study": "named"}).run()
    _told_once(job, 5)
