"""How a candidate is scored: one picklable call, `evaluate(request) -> result`."""

from __future__ import annotations

from cell_search.evaluators._base import EVALUATORS, Evaluator, Score
from cell_search.evaluators._function import Function
from cell_search.evaluators._parameters import Parameters
from cell_search.evaluators._request import Request, Result, evaluate
from cell_search.evaluators.darts.settings import Darts
from cell_search.evaluators.language_model.settings import LanguageModel
from cell_search.evaluators.shared_weights.settings import WeightSharing
from cell_search.evaluators.tables.evaluators import (
    AnyTable,
    NasBench201,
    NasBench301,
    NatsBench,
    TableEvaluator,
)
from cell_search.evaluators.train.settings import Train
from cell_search.evaluators.zero_cost.settings import ZeroCost

__all__ = [
    "EVALUATORS",
    "AnyTable",
    "Darts",
    "Evaluator",
    "Function",
    "LanguageModel",
    "NasBench201",
    "NasBench301",
    "NatsBench",
    "Parameters",
    "Request",
    "Result",
    "Score",
    "TableEvaluator",
    "Train",
    "WeightSharing",
    "ZeroCost",
    "evaluate",
]
