"""Child networks without Keras: a bank of compiled pieces, and children as paths through it."""

from __future__ import annotations

from cell_search.children.bank import PRECISIONS, Bank, bank_of
from cell_search.children.child import Chance, Child
from cell_search.children.training import Descent, Training

__all__ = ["PRECISIONS", "Bank", "Chance", "Child", "Descent", "Training", "bank_of"]
