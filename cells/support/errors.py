"""The one error that people are meant to read."""

from __future__ import annotations

import difflib
import re
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NoReturn, TypeVar

T = TypeVar("T")

#: Exit code of everything that the user can mend.
BAD_INPUT = 2

#: How a sentence about an argument begins.
_FLAG = re.compile(r"--(\w+)(?=: )")

#: What TensorFlow puts around what went wrong, its operations; and TFDS before it, its call.
_AROUND = re.compile(r'^(?:\{\{.*?\}\} )+|^Failed to construct dataset .*?}": | \[Op:.*', re.DOTALL)


class UserError(Exception):
    """Bad input, told in one sentence that names the file, the field and the remedy.

    The command lines print the sentence without a traceback and exit with code 2
    (`told_errors`); everything else that is raised is a fault of this project.

    A sentence about an argument is written with its flag, `--output: ...`: the command lines print
    it so, and Python users read `output: ...`, as they call the argument.

    Attributes:
        with_flag: the sentence of command lines.

    Args:
        sentence: what is wrong, and the remedy.
        argument: the name of the argument where it is not that of the flag.

    Example:
        >>> try:
        ...     cells.load_genotype("nasnet")
        ... except cells.UserError as error:
        ...     print(str(error)[:48])
        genotype: 'nasnet' is neither in the catalogue n
    """

    def __init__(self, sentence: str, argument: str = ""):
        flag = _FLAG.match(sentence)
        super().__init__((argument or flag[1]) + sentence[flag.end() :] if flag else sentence)
        self.with_flag = sentence


class Stopped(Exception):
    """A signal ended what was running, at a moment when nothing is lost.

    The command lines print it and exit with 128 and the signal's number (`told_errors`).

    Attributes:
        signum: the signal.
    """

    def __init__(self, signum: int, where: str):
        super().__init__(f"stopped by {signal.Signals(signum).name} {where}")
        self.signum = signum


@contextmanager
def told_errors(prog: str) -> Iterator[None]:
    """Ends a program by what people are meant to read: one line on standard error.

    A `UserError` makes exit code 2, `Stopped` 128 and the signal's number.

    Args:
        prog: name of the program, with which the line begins.
    """
    try:
        yield
    except UserError as error:
        _end(prog, error.with_flag, BAD_INPUT)
    except Stopped as stop:
        _end(prog, f"{stop}; the same command goes on from there", 128 + stop.signum)


@contextmanager
def about(what: object, remedy: str = "") -> Iterator[None]:
    """Has the sentence of a `UserError` in a `with` block say what it is about.

    Args:
        what: the file, field or flag that the sentence begins with; not said twice.
        remedy: ends the sentence.
    """
    try:
        yield
    except UserError as error:
        sentence = f"{what}: {str(error).removeprefix(f'{what}: ')}"
        raise UserError(f"{sentence}; {remedy}" if remedy else sentence) from None


def _end(prog: str, sentence: str, code: int) -> NoReturn:
    print(f"{prog}: {printable(sentence)}", file=sys.stderr)
    sys.exit(code)


def first_line(error: BaseException, most: int = 200) -> str:
    """The first line of what an error of a library says, for the middle of a sentence; its type
    where it says nothing.
    """
    lines = _AROUND.sub("", str(error).strip()).strip().splitlines()
    return (lines or [type(error).__name__])[0][:most].rstrip(" .:")


def cut(text: str, most: int = 60) -> str:
    """A text as a sentence can hold it: its beginning, with dots where it goes on."""
    return text if len(text) <= most else f"{text[:most]}..."


def printable(text: str) -> str:
    """A text on one line, whatever file names in it hold: control characters as their escapes."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def nearest(name: object, known: Iterable[str], before: str = "") -> str:
    """Returns `"did you mean 'x' or 'y'? "`, or `""` where nothing known is near.

    Args:
        name: what was given.
        known: the names that exist.
        before: what is written before each, such as the dashes of options, and makes none nearer.
    """
    near = difflib.get_close_matches(str(name), [str(k) for k in known], cutoff=0.5)
    if not near:
        return ""
    return "did you mean " + " or ".join(repr(before + cut(n)) for n in near) + "? "


def listed(items: Iterable[object], most: int = 3, between: str = ", ") -> str:
    """The first of many things in words: `a, b, c and 4 more`.

    Args:
        items: the things.
        most: how many to show at most.
        between: stands between two of them.
    """
    names = [str(item) for item in items]
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return between.join(names[:most]) + more


def unknown(where: str, name: object, known: Iterable[str], noun: str = "") -> UserError:
    """The error for a name that does not exist: the nearest names, then all that exist.

    Args:
        where: the field, flag or key that holds the name.
        name: what was given; a long one is cut.
        known: the names that exist.
        noun: what kind of name it is, where `where` does not say so.
    """
    known = list(known)
    shown = name[:80] if isinstance(name, str) else name
    kind = f"{noun} " if noun else ""
    return UserError(
        f"{where}: unknown {kind}{shown!r}; {nearest(shown, known)}known are "
        f"{cut(', '.join(known), 800)}"
    )


def require_known(where: str, name: T, known: Iterable[str], noun: str = "") -> T:
    """Returns a name that is among the known ones; raises what `unknown` says of another."""
    known = list(known)
    if name not in known:
        raise unknown(where, name, known, noun)
    return name
