"""Optuna's side of `benchmarks.peers.optuna_gp`, in an environment of its own; see `Answered`."""

from __future__ import annotations


def answer(asked: dict) -> list[int]:
    """The next point by `GPSampler`, with its own settings."""
    import optuna
    import torch
    from optuna.distributions import CategoricalDistribution
    from optuna.trial import create_trial

    torch.set_num_threads(1)
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
