"""The search strategies: Optuna samplers over categorical decisions, chosen by name.

Each is constructed with a `Space` (or an Optuna search space of categorical distributions) and a
seed, and runs on anybody's study:

    study = optuna.create_study(direction="maximize", sampler=RegularizedEvolution(space, seed=1))
"""

from __future__ import annotations

from cell_search.strategies._base import STRATEGIES, Strategy
from cell_search.strategies._follow import Derived
from cell_search.strategies._history import trial_of
from cell_search.strategies._local_search import LocalSearch
from cell_search.strategies._optuna import OptunaSampler
from cell_search.strategies._random import RandomSearch
from cell_search.strategies.controller._ppo import PPO
from cell_search.strategies.controller._reinforce import Reinforce
from cell_search.strategies.evolution._large_scale_evolution import LargeScaleEvolution
from cell_search.strategies.evolution._mutation import mutate
from cell_search.strategies.evolution._regularized_evolution import RegularizedEvolution
from cell_search.strategies.model_based._bayesian import Bayesian
from cell_search.strategies.model_based._progressive import Progressive

__all__ = [
    "PPO",
    "STRATEGIES",
    "Bayesian",
    "Derived",
    "LargeScaleEvolution",
    "LocalSearch",
    "OptunaSampler",
    "Progressive",
    "RandomSearch",
    "RegularizedEvolution",
    "Reinforce",
    "Strategy",
    "mutate",
    "trial_of",
]
