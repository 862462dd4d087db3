"""SMAC's side of `benchmarks.peers.smac`, in an environment of its own; see `Answered`."""

from __future__ import annotations

import sys
import tempfile


class Answers:
    """One search after the other: a line with fewer points than the last begins a new one."""

    def __init__(self) -> None:
        self._told = sys.maxsize

    def __call__(self, asked: dict) -> list[int]:
        """The next point by SMAC's facade for black boxes with categories: a random forest."""
        from ConfigSpace import Configuration
        from smac.runhistory.dataclasses import TrialInfo, TrialValue

        points, values = asked["points"], asked["values"]
        if len(points) < self._told:
            self._begin(asked)
        for point, value in list(zip(points, values, strict=True))[self._told :]:
            config = Configuration(self._space, {f"d{i}": p for i, p in enumerate(point)})
            self._facade.tell(TrialInfo(config, seed=0), TrialValue(cost=-value), save=False)
        self._told = len(points)
        config = self._facade.ask().config
        return [int(config[f"d{i}"]) for i in range(len(asked["sizes"]))]

    def _begin(self, asked: dict) -> None:
        from ConfigSpace import CategoricalHyperparameter, ConfigurationSpace
        from smac import HyperparameterOptimizationFacade, Scenario

        self._space = ConfigurationSpace(seed=asked["seed"])
        self._space.add(
            [CategoricalHyperparameter(f"d{i}", range(n)) for i, n in enumerate(asked["sizes"])]
        )
        scenario = Scenario(
            self._space,
            deterministic=True,
            n_trials=sys.maxsize,
            seed=asked["seed"],
            output_directory=tempfile.mkdtemp(),
        )
        self._facade = HyperparameterOptimizationFacade(
            scenario,
            lambda config, seed=0: 0.0,
            initial_design=HyperparameterOptimizationFacade.get_initial_design(
                scenario, n_configs=0, additional_configs=[]
            ),
            logging_level=False,
            overwrite=True,
        )
        self._told = 0


answer = Answers()
