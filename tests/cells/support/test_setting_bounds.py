"""Types and bounds of settings, at the fields."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from cells.support.errors import UserError
from cells.support.settings import check, fit, setting


@dataclass(frozen=True)
class Settings:
    trials: int = setting(100, least=1, most=1000)
    rate: float | None = setting(None, above=0, below=1)
    kind: str = setting("fast", choices=("fast", "slow"))
    size: list[int] = setting([32, 32, 3], least=1, length=3)
    on: bool = False


@pytest.mark.parametrize(
    "annotated, value, fitted",
    [
        (int, 1e3, 1000),
        (float, 1, 1),
        (int | None, None, None),
        (list[float], (1, 2.5), (1, 2.5)),
        (tuple[int, str], [1.0, "a"], [1, "a"]),
        (str | list[str], ["a"], ["a"]),
    ],
)
def test_values_that_fit(annotated, value, fitted):
    assert fit(annotated, value) == (fitted, "")
    assert type(fit(annotated, value)[0]) is type(fitted)


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"trials": None}, "trials: None is not a whole number"),
        ({"trials": 1.5}, "trials: 1.5 is not a whole number"),
        ({"trials": True}, "trials: True is not a whole number"),
        ({"trials": 0}, "trials: 0 is too small; use at least 1"),
        ({"trials": 10**9}, "trials: 1,000,000,000 is too large; use at most 1,000"),
        ({"trials": 10**30}, "is not a number of 64 bits"),
        ({"rate": 0}, "rate: 0 is too small; use more than 0"),
        ({"rate": 1.0}, "rate: 1.0 is too large; use less than 1"),
        ({"rate": math.nan}, "rate: nan is not a finite number"),
        ({"rate": "fast"}, "rate: 'fast' is not a number"),
        ({"kind": "fsat"}, "kind: unknown 'fsat'; did you mean 'fast'? known are fast, slow"),
        ({"kind": "a\0b"}, "is not a text without the character 0"),
        ({"size": [32, 32]}, "size: has 2 entries; give 3"),
        ({"size": [32, 0, 3]}, "size: 0 is too small"),
        ({"size": [32, "x", 3]}, "is not a list of whole numbers"),
        ({"on": 1}, "on: 1 is not a truth value, true or false"),
    ],
)
def test_values_that_do_not(changes, sentence):
    with pytest.raises(UserError) as caught:
        check(Settings(**changes))
    assert sentence in str(caught.value)


def test_a_default_that_is_a_list_is_not_shared():
    check(Settings())
    assert Settings().size is not Settings().size
