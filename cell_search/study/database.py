"""Studies in a database: any URL that Optuna takes, with patience for a server that is away."""

from __future__ import annotations

import gc
import re
import sys
import time
from collections.abc import Callable
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from cells.support.errors import UserError, first_line

#: Seconds between two attempts, at first and at most, and until the search gives up.
_PAUSE, _LONGEST_PAUSE, _PATIENCE = 1.0, 15.0, 3600.0


#: How often tables are made that another search makes at the same moment, and what a database says
#: then.
_ATTEMPTS = 20
_MADE_TWICE = re.compile(
    r"already exists|relation .* does not exist|no such table|is locked|unique|duplicate key",
    re.IGNORECASE,
)


class ConnectionLost(Exception):
    """The server of a database cannot be reached."""


def open_url(
    url: str,
    permit: Callable[[], None] = lambda: None,
    pause: Callable[[float], None] = time.sleep,
) -> Patient:
    """Opens a database; makes Optuna's tables where there are none.

    Args:
        url: as SQLAlchemy writes it, such as `postgresql://user@host/searches`.
        permit: called before each change; raises where this process must make none.
        pause: waits some seconds.

    Raises:
        UserError: there is no such database, or its driver is not installed.
    """
    import sqlalchemy

    try:
        where = sqlalchemy.engine.make_url(url)
    except sqlalchemy.exc.ArgumentError:
        raise UserError(
            f"storage: {url!r} is not a URL of a database; one looks like "
            "postgresql://user@host/database"
        ) from None
    if where.drivername == "postgresql":
        # SQLAlchemy's own choice is the driver of before.
        where = where.set(drivername="postgresql+psycopg")
    shown = where.render_as_string(hide_password=True)
    try:
        made = _made(where.render_as_string(hide_password=False), pause)
    except (ImportError, sqlalchemy.exc.NoSuchModuleError) as error:
        cause = error.__cause__ or error
        raise UserError(
            f"storage: {shown} needs a driver that is not installed ({cause}); for PostgreSQL "
            "install 'transferable-cells[postgresql]'"
        ) from None
    except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.OptunaError, RuntimeError) as error:
        raise UserError(f"storage: {shown} cannot be opened ({_said(error)})") from None
    sqlalchemy.event.listen(made.engine, "handle_error", _tell_lost)
    storage = optuna.storages.get_storage(made)
    return Patient(storage, shown, permit, pause, made.engine.dispose)


def _made(url: str, pause: Callable[[float], None]) -> optuna.storages.RDBStorage:
    """Optuna's storage; of searches that begin at once one makes the tables, which the others find
    half made for a moment."""
    import sqlalchemy

    for _ in range(_ATTEMPTS):
        try:
            return optuna.storages.RDBStorage(url)
        except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
            # Optuna wraps what fails as it commits.
            cause = error if isinstance(error, sqlalchemy.exc.SQLAlchemyError) else error.__cause__
            if not _MADE_TWICE.search(str(getattr(cause, "orig", None))):
                raise
        gc.collect()  # Closes the connections of this attempt; a server has a hundred in all.
        pause(_PAUSE / 4)
    return optuna.storages.RDBStorage(url)


def _tell_lost(context: Any) -> None:
    """Tells a lost connection from a wrong statement, also to Optuna, which retries either."""
    if context.is_disconnect or context.connection is None:
        raise ConnectionLost(_said(context.original_exception))


def _said(error: BaseException) -> str:
    return first_line(getattr(error, "orig", None) or error)


class Patient:
    """A storage of Optuna that tries again while the server of its database is away.

    The connection may be lost after a change was made and before that was said. What would count
    twice is looked up before it is tried again; everything else may be done twice.

    Args:
        storage: what is asked.
        name: of it, for people.
        permit, pause: as in `open_url`.
        close: closes the connections, which are opened again when they are needed.
    """

    def __init__(
        self,
        storage: optuna.storages.BaseStorage,
        name: str,
        permit: Callable[[], None],
        pause: Callable[[float], None],
        close: Callable[[], None] = lambda: None,
    ):
        self._storage, self._name = storage, name
        self._permit, self._pause, self.close = permit, pause, close
        self._counts: dict[int, int] = {}

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._storage, name)
        if not callable(found):
            return found
        changes = name.startswith(("set_", "create_", "delete_"))
        return lambda *args, **named: self._attempts(lambda _: found(*args, **named), changes)

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Adds a trial, once.

        Args:
            study_id: Optuna's.
            template_trial: what the trial holds already.
        """
        number = self._counts.get(study_id)
        if number is None:
            number = self.get_n_trials(study_id)

        def create(again: bool) -> int:
            if again and self._storage.get_n_trials(study_id) > number:
                return self._storage.get_trial_id_from_study_id_trial_number(study_id, number)
            return self._storage.create_new_trial(study_id, template_trial)

        made = self._attempts(create, changes=True)
        self._counts[study_id] = number + 1
        return made

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: list[float] | None = None
    ) -> bool:
        """Ends a trial, once.

        Args:
            trial_id: Optuna's.
            state: the new one.
            values: of the objectives.
        """

        def tell(again: bool) -> bool:
            try:
                return self._storage.set_trial_state_values(trial_id, state, values)
            except UpdateFinishedTrialError:
                if again:
                    return True
                raise

        return self._attempts(tell, changes=True)

    def _attempts(self, attempt: Callable[[bool], Any], changes: bool) -> Any:
        """Tries until the server answers.

        Args:
            attempt: takes whether it was tried before.
            changes: whether it changes anything.
        """
        lost = 0.0
        pause = _PAUSE
        while True:
            if changes:
                self._permit()
            try:
                found = attempt(bool(lost))
            except ConnectionLost as error:
                now = time.monotonic()
                lost = lost or now
                if now - lost > _PATIENCE:
                    raise UserError(
                        f"storage: {self._name} has been away for {_PATIENCE / 60:.0f} minutes "
                        f"({error}); every finished trial is kept, and the same command goes on"
                    ) from None
                _log(f"{self._name} does not answer ({error}); next attempt in {pause:g} s")
                self._pause(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            if lost:
                _log(f"{self._name} is back after {time.monotonic() - lost:.1f} s")
            return found


def _log(what: str) -> None:
    print(f"cell-search: storage: {what}", file=sys.stderr, flush=True)
