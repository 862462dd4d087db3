"""Requests for the smallest child: one block, one cell in each group."""

from __future__ import annotations

from typing import Any

from cell_search.evaluators import Evaluator, Request
from cell_search.images import ImageSettings
from cell_search.space import published

SPACE = published.find("pnas", 1)


def point(left: str = "sep_conv_3x3", right: str = "identity") -> dict[str, Any]:
    """A candidate that applies `left` to the one and `right` to the other input of its cell."""
    return {
        "cell/0/left/input": 0,
        "cell/0/right/input": 1,
        "cell/0/left/operation": left,
        "cell/0/right/operation": right,
    }


def request(evaluator: Evaluator, images: ImageSettings, **changes: Any) -> Request:
    """A request that differs from others in `changes` alone."""
    return Request(
        **{
            "number": 3,
            "genotype": SPACE.decode(point()),
            "decisions": point(),
            "space": SPACE,
            "evaluator": evaluator,
            "images": images,
            "seed": 5,
            **changes,
        }
    )
