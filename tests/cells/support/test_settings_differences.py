"""Settings of two runs: which keys differ, and how that is told."""

from __future__ import annotations

import json

import yaml

from cells.support.settings_differences import flat, in_words, settings_differences

NOW = {"trainer": {"steps": 20, "rates": (0.1, 0.2)}, "seed": 1, "data": {"name": "digits"}}


def test_settings_that_are_read_back_are_the_same():
    """JSON and YAML know no tuples, and leave it open whether a list is there at all."""
    for before in (json.loads(json.dumps(NOW)), yaml.safe_load(json.dumps(NOW)), flat(NOW)):
        assert settings_differences(NOW, before) == []
    nested = {"a": [(1, 2), {"b": (3,)}]}
    assert settings_differences(nested, json.loads(json.dumps(nested))) == []
    assert settings_differences({"a": [], "b": {}, "c": None}, {}) == []


def test_every_key_that_differs_is_told_with_both_values():
    before = {"data": {"name": "coco"}, "seed": 1, "trainer": {"steps": 20, "rates": [0.1]}}
    assert settings_differences(NOW, before) == [
        "trainer.rates is [0.1, 0.2], was [0.1]",
        "data.name is 'digits', was 'coco'",
    ]
    # 0 and False say something, None and a key that is missing do not.
    assert settings_differences({"a": 0, "b": False}, {"c": ""}) == [
        "a is 0, was not set",
        "b is False, was not set",
        "c is not set, was ''",
    ]


def test_what_differs_is_told_in_a_sentence_however_long_it_is():
    long = {f"key_{'x' * 1000}_{i}": "y" * 10_000 for i in range(100)}
    told = in_words(settings_differences(long, {"a": 1}))
    assert len(told) < 900 and told.endswith(" and 97 more")


def test_a_section_that_became_a_value_differs():
    assert settings_differences({"a": 1}, {"a": {"b": 2}}) == [
        "a is 1, was not set",
        "a.b is not set, was 2",
    ]


def test_keys_that_are_free_may_differ():
    before = {"trainer": {"steps": 10}, "seed": 2}
    now = {"trainer": {"steps": 20}, "seed": 3}
    free = settings_differences(now, before, free=lambda key: key.startswith("trainer."))
    assert free == ["seed is 3, was 2"]


def test_what_an_older_version_did_not_know_was_as_it_is_by_default():
    now, before = {"a": {"b": 1, "c": 5}}, {"a": {"b": 1}}
    assert settings_differences(now, before, defaults={"a": {"b": 9, "c": 5}}) == []
    assert settings_differences(now, before, defaults={"a": {"c": 4}}) == ["a.c is 5, was 4"]
