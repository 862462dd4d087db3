"""SMAC as a peer: its random forest for categories, with its own settings."""

from __future__ import annotations

from benchmarks.peers.answered import Answered


class Smac(Answered):
    """See `smac_answers`."""

    REQUIREMENTS = ("smac==2.4.1", "numpy<3")
    ANSWERS = "smac"
