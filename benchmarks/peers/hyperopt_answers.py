"""hyperopt's side of `benchmarks.peers.hyperopt`, in an environment of its own; see `Answered`."""

from __future__ import annotations

#: Seeds that are tried for a point that was not met before.
_ATTEMPTS = 20


def answer(asked: dict) -> list[int]:
    """The next point by `tpe.suggest`: an untried one where twenty draws give one."""
    from hyperopt import JOB_STATE_DONE, STATUS_OK, Trials, hp, tpe
    from hyperopt.base import Domain

    names = [f"d{place}" for place in range(len(asked["sizes"]))]
    sizes = asked["sizes"]
    space = [hp.randint(name, size) for name, size in zip(names, sizes, strict=True)]
    domain = Domain(lambda _: 0.0, space)
    trials = Trials()
    trials.insert_trial_docs(
        [
            {
                "tid": tid,
                "spec": None,
                "result": {"loss": -value, "status": STATUS_OK},
                "misc": {
                    "tid": tid,
                    "cmd": domain.cmd,
                    "workdir": None,
                    "idxs": {name: [tid] for name in names},
                    "vals": {name: [place] for name, place in zip(names, point, strict=True)},
                },
                "state": JOB_STATE_DONE,
                "owner": None,
                "book_time": None,
                "refresh_time": None,
                "exp_key": None,
                "version": 0,
            }
            for tid, (point, value) in enumerate(zip(asked["points"], asked["values"], strict=True))
        ]
    )
    trials.refresh()
    point: list[int] = []
    for attempt in range(_ATTEMPTS):
        (made,) = tpe.suggest(
            [len(asked["points"])], domain, trials, asked["seed"] + attempt, n_startup_jobs=0
        )
        point = [int(made["misc"]["vals"][name][0]) for name in names]
        if point not in asked["points"]:
            break
    return point
