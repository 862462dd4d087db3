"""Optuna's Gaussian process as a peer; its TPE is `optuna:TPESampler`, which needs no more."""

from __future__ import annotations

from benchmarks.peers.answered import Answered


class OptunaGP(Answered):
    """See `optuna_gp_answers`."""

    REQUIREMENTS = ("optuna==5.0.0", "torch>=2.4", "scipy", "numpy<3")
    ANSWERS = "optuna_gp"
