"""Optuna's side of `benchmarks.peers.optuna_gp`, in an environment of its own; see `Answered`."""

from __future__ import annotations

import json
import sys
import warnings


def answer(asked: dict) -> list[int]:
    """The next point by `GPSampler`, with its own settings."""
    import optuna
    from optuna.distributions import CategoricalDistribution
    from optuna.trial import create_trial

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = {f"d{i}": CategoricalDistribution(range(n)) for i, n in enumerate(asked["sizes"])}
    sampler = optuna.samplers.GPSampler(
        seed=asked["seed"], n_startup_trials=0, deterministic_objective=True
    )
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.add_trials(
        [
            create_trial(
                params={f"d{i}": place for i, place in enumerate(point)},
                distributions=dict(space),
                value=value,
            )
            for point, value in zip(asked["points"], asked["values"], strict=True)
        ]
    )
    trial = study.ask(space)
    return [int(trial.params[name]) for name in space]


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    import torch

    torch.set_num_threads(1)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
