"""YAML from strangers: the part of it that is JSON with less ink, bounded and without surprises.

Mappings, lists and scalars of YAML 1.2's core schema: `null`, `true`, `false`, whole numbers,
numbers, text. No tags, no anchors and aliases, one document, no key twice; `yes`, `off`,
`2026-11-28`, `1:30` and `1_000` are text, as they look.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator
from typing import Any

from cells.support import files
from cells.support.errors import UserError, about, cut

#: A configuration has a few KB, the names of ten thousand classes take 300.
MAX_BYTES = 400_000

#: Levels of lists and mappings in each other; Model Garden's deepest setting has 7.
MAX_DEPTH = 32

_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")

#: What a number may be long: the most exact one that is written takes 25 characters.
_MAX_NUMBER = 100


def read(
    path: str | os.PathLike[str], noun: str = "configuration", *, as_text: bool = False
) -> Any:
    """The values of a YAML file.

    Args:
        path: the file.
        noun: what it holds.
        as_text: leaves every scalar the text that it is written as, such as names of classes.

    Raises:
        UserError: it cannot be read, is too large, or is not of this part of YAML; says where.
    """
    text = files.read_text(path, noun, MAX_BYTES)
    with about(os.fspath(path)):
        return loads(text, as_text=as_text)


def loads(text: str, *, as_text: bool = False) -> Any:
    """The values of a YAML text; see `read`.

    Raises:
        UserError: it is not of this part of YAML; says in which line.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Reader(yaml.parse(text, loader), as_text).document()
    except UnicodeEncodeError:
        raise UserError("holds half of a character, which is not UTF-8 text") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise UserError(f"{where}not YAML ({cut(' '.join(problem.split()), 120)})") from None


def dumps(values: Any) -> str:
    """The text of a YAML file that `read`, and every other reader of YAML, gives `values` for."""
    import yaml

    return yaml.dump(values, Dumper=_dumper(), sort_keys=False, allow_unicode=True)


class _Reader:
    """Builds values from the events of PyYAML's parser, which knows neither tags nor depth."""

    def __init__(self, events: Iterator[Any], as_text: bool):
        self._events, self._as_text = events, as_text

    def document(self) -> Any:
        import yaml

        next(self._events)  # The begin of the stream.
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        value = self._value(next(self._events), 0)
        next(self._events)  # The end of the document.
        if not isinstance(event := next(self._events), yaml.StreamEndEvent):
            raise _fault(event, "a second document begins; a file holds one")
        return value

    def _value(self, event: Any, depth: int) -> Any:
        import yaml

        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise _fault(event, "anchors and aliases (&, *) are not read; write the value out")
        if event.tag is not None:
            raise _fault(event, f"the tag {cut(event.tag)!r} is not read; write plain values only")
        if depth > MAX_DEPTH:
            raise _fault(event, f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.ScalarEvent):
            plain = event.implicit[0] and not self._as_text
            return _scalar(event) if plain else event.value
        if isinstance(event, yaml.SequenceStartEvent):
            return list(self._items(yaml.SequenceEndEvent, depth))
        return self._mapping(depth)

    def _items(self, end: type, depth: int) -> Iterator[Any]:
        while not isinstance(event := next(self._events), end):
            yield self._value(event, depth + 1)

    def _mapping(self, depth: int) -> dict[Any, Any]:
        import yaml

        values: dict[Any, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._value(event, depth + 1)
            if isinstance(key, list | dict):
                raise _fault(event, "a list or mapping is not a key")
            if key in values:
                raise _fault(event, f"the key {cut(str(key))!r} is given twice")
            values[key] = self._value(next(self._events), depth + 1)
        return values


def _scalar(event: Any) -> Any:
    text = event.value
    if text in _WORDS:
        return _WORDS[text]
    if _NOT_FINITE.fullmatch(text):
        return float(text.replace(".", ""))
    number = _NUMBER.fullmatch(text)
    if number is None:
        return text
    if len(text) > _MAX_NUMBER:
        raise _fault(event, f"a number of {len(text):,} characters; put it in quotes if it is text")
    return float(text) if number[1].startswith(".") or number[2] or number[3] else int(text)


def _fault(event: Any, what: str) -> UserError:
    return UserError(f"line {event.start_mark.line + 1}: {what}")


@functools.cache
def _dumper() -> Any:
    """PyYAML's safe one, which quotes what YAML 1.1 takes for more than text, and 1.2, too."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True  # Which `read` refuses; what is there twice is written twice.

    def text(dumper: Any, value: str) -> Any:
        # Other styles write U+0085 and its like as they are: ends of lines.
        return dumper.represent_scalar(
            "tag:yaml.org,2002:str", value, None if value.isprintable() else '"'
        )

    Dumper.add_representer(str, text)
    Dumper.add_implicit_resolver("tag:yaml.org,2002:float", _NUMBER, list("-+.0123456789"))
    return Dumper
