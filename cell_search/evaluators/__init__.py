"""How a candidate is scored: one picklable call, `evaluate(request) -> result`."""

from __future__ import annotations

from cell_search.evaluators._darts import Darts
from cell_search.evaluators._evaluation import EVALUATORS, Evaluator, Request, Result, evaluate
from cell_search.evaluators._parameters import Parameters
from cell_search.evaluators._table import (
    AnyTable,
    NasBench201,
    NasBench301,
    NatsBench,
    TableEvaluator,
)
from cell_search.evaluators._train import Train
from cell_search.evaluators._weight_sharing import WeightSharing
from cell_search.evaluators._zero_cost import ZeroCost

__all__ = [
    "EVALUATORS",
    "AnyTable",
    "Darts",
    "Evaluator",
    "NasBench201",
    "NasBench301",
    "NatsBench",
    "Parameters",
    "Request",
    "Result",
    "TableEvaluator",
    "Train",
    "WeightSharing",
    "ZeroCost",
    "evaluate",
]
