"""Damage to valid files: bytes, numbers and words of any text, and the structure of JSON."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from random import Random
from typing import Any

Mutation = Callable[[Random, bytes], bytes]

_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_WORD = re.compile(rb"[A-Za-z_]+")

#: What stands for a number where none should.
_ODD_NUMBERS = (
    *(b"-1", b"0", b"-0.0", b"1.5", b"1e308", b"-1e308", b"1e999", b"1e-400", b"NaN", b"nan"),
    *(b"Infinity", b"-Infinity", b"inf", b".nan", b".inf", b"2147483648", b"9007199254740993"),
    *(b"16777217", b"9" * 400, b"9" * 5000, b"0x10", b"1_0", b"010", b"1,5", b"true", b"null"),
    *(b'"7"', b"", b"[]", b"{}", "\u0663".encode(), "\u00b2".encode()),
)

#: What stands for a word where none should.
_ODD_WORDS = (
    *(b"", b"null", b"true", b"yes", b"\\ud800", b"\\u2028", "\u2028\x85".encode(), b"\\u0000"),
    *(b"\x00", b"\xff\xfe", b"\x1b[2J", b"../../x", b"$x$", b"a" * 70_000, b"*a", b"&a", b"!!int"),
    *(b"- ", b"<!DOCTYPE x>", b"&#0;", b"&#xD800;", b"]]>", b"\r", b"\n", b"\t", b"~nobody/x"),
)

#: What stands for a value of JSON where another should; numbers that JSON has not are _ODD_NUMBERS.
_ODD_VALUES = (
    *(None, True, False, -1, 0, 1.5, 1e308, 2**31, 2**53 + 1, 2**64, 10**400, "", "7", "\ud800"),
    *("\u2028", "a\nb", "\x1b[2J", "x" * 70_000, [], {}, [[]], [{}], {"": None}, [None] * 1000),
)


#: How often a file is damaged: most often once, so that readers get far into it.
_TIMES = (1, 1, 1, 2, 4)

#: Values after which JSON is damaged no further: repetitions of repetitions grow without end.
_MOST_PLACES = 10_000


def mutate_text(random: Random, text: bytes) -> bytes:
    """A text with one to four pieces of damage."""
    for _ in range(random.choice(_TIMES)):
        text = random.choice(_TEXT)(random, text)
    return text


def mutate_json(random: Random, text: bytes) -> bytes:
    """JSON text whose structure, or text, or both are damaged."""
    if random.random() < 0.7:
        values = json.loads(text)
        for _ in range(random.choice(_TIMES)):
            values = _with_damage(random, values)
            if len(list(_places(values))) > _MOST_PLACES:
                break
        text = json.dumps(values, ensure_ascii=random.random() < 0.5).encode(errors="replace")
        if random.random() < 0.7:
            return text
    return mutate_text(random, text)


def _with_damage(random: Random, values: Any) -> Any:
    """The values with one of them replaced, removed, repeated, moved or wrapped."""
    places = list(_places(values))
    if not places:
        return copy.deepcopy(random.choice(_ODD_VALUES))
    holder, key = random.choice(places)
    match random.randrange(6):
        case 0 | 1:
            holder[key] = copy.deepcopy(random.choice(_ODD_VALUES))
        case 2:
            del holder[key]
        case 3:
            other, place = random.choice(places)
            holder[key] = copy.deepcopy(other[place])
        case 4:
            holder[key] = [holder[key]]
        case _ if isinstance(holder, list):
            holder += [copy.deepcopy(holder[key])] * random.choice((1, 1, 1000))
        case _:
            holder[random.choice(("", "id", "size", str(key) + "x"))] = holder.pop(key)
    return values


def _places(values: Any) -> Any:
    """Every list or object with every index or key of it."""
    if not isinstance(values, dict | list):
        return
    for key in list(values) if isinstance(values, dict) else range(len(values)):
        yield values, key
        yield from _places(values[key])


def _flip(random: Random, text: bytes) -> bytes:
    if not text:
        return text
    at = random.randrange(len(text))
    return text[:at] + bytes([text[at] ^ (1 << random.randrange(8))]) + text[at + 1 :]


def _cut(random: Random, text: bytes) -> bytes:
    return text[: random.randint(0, len(text))]


def _without(random: Random, text: bytes) -> bytes:
    start, end = _slice(random, text)
    return text[:start] + text[end:]


def _repeated(random: Random, text: bytes) -> bytes:
    start, end = _slice(random, text)
    return text[:end] + text[start:end] * random.choice((1, 1, 100)) + text[end:]


def _inserted(random: Random, text: bytes) -> bytes:
    at = random.randint(0, len(text))
    return text[:at] + random.randbytes(random.randint(1, 8)) + text[at:]


def _odd_number(random: Random, text: bytes) -> bytes:
    return _replaced(random, text, _NUMBER, _ODD_NUMBERS)


def _odd_word(random: Random, text: bytes) -> bytes:
    return _replaced(random, text, _WORD, _ODD_WORDS)


def _moved_lines(random: Random, text: bytes) -> bytes:
    lines = text.splitlines(keepends=True)
    random.shuffle(lines)
    return b"".join(lines)


def _nested(random: Random, text: bytes) -> bytes:
    at = random.randint(0, len(text))
    opening = random.choice((b"[", b'{"a":', b"<object>", b"(", b"- "))
    return text[:at] + opening * random.choice((10, 1000, 100_000)) + text[at:]


def _encoded(random: Random, text: bytes) -> bytes:
    if random.random() < 0.5:
        return b"\xef\xbb\xbf" + text
    return text.decode(errors="replace").encode(random.choice(("utf-16", "utf-32")))


def _slice(random: Random, text: bytes) -> tuple[int, int]:
    start = random.randint(0, len(text))
    return start, min(len(text), start + random.randint(1, 80))


def _replaced(random: Random, text: bytes, kind: re.Pattern[bytes], by: tuple[bytes, ...]) -> bytes:
    found = list(kind.finditer(text))
    if not found:
        return text
    place = random.choice(found)
    return text[: place.start()] + random.choice(by) + text[place.end() :]


_TEXT: tuple[Mutation, ...] = (
    *(_flip, _cut, _without, _repeated, _inserted, _moved_lines, _nested, _encoded),
    *(_odd_number, _odd_number, _odd_number, _odd_word, _odd_word),
)
