"""Searches a Normal and a Reduction cell on small images.

    import cell_search

    result = cell_search.search(score=my_function, space="nasnet", strategy="bayesian", trials=30)
    result.genotype

`cells docs python` and `cells docs search` explain it; the command `cell-search` does the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = [
    "EVALUATORS",
    "POOLS",
    "SPACES",
    "STRATEGIES",
    "Candidate",
    "Evaluator",
    "Request",
    "Result",
    "Score",
    "SearchConfig",
    "SearchResult",
    "Space",
    "Strategy",
    "UserError",
    "open_search",
    "rerank",
    "search",
]

if TYPE_CHECKING:
    from cell_search.api import open_search, rerank, search
    from cell_search.config.schema import SearchConfig
    from cell_search.evaluators import EVALUATORS, Evaluator, Request, Result, Score
    from cell_search.pools import POOLS
    from cell_search.search_result import Candidate, SearchResult
    from cell_search.space.published import SPACES
    from cell_search.space.space import Space
    from cell_search.strategies import STRATEGIES, Strategy
    from cells.support.errors import UserError
else:
    from cells.support.lazy import lazy

    __getattr__, __dir__ = lazy(__name__)
