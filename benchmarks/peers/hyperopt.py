"""hyperopt as a peer: its tree-structured Parzen estimator, with its own settings."""

from __future__ import annotations

from benchmarks.peers.answered import Answered


class Hyperopt(Answered):
    """See `hyperopt_answers`."""

    # It wants pkg_resources, which later ones have no more.
    REQUIREMENTS = ("hyperopt==0.2.7", "numpy<3", "setuptools<80")
    ANSWERS = "hyperopt"
