"""How a candidate is scored: one picklable call, `evaluate(request) -> result`."""

from __future__ import annotations

from cell_search.evaluators._evaluation import EVALUATORS, Evaluator, Request, Result, evaluate
from cell_search.evaluators._parameters import Parameters
from cell_search.evaluators._train import Train

__all__ = ["EVALUATORS", "Evaluator", "Parameters", "Request", "Result", "Train", "evaluate"]
