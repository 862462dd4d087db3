"""Texts of language models: `train.txt`, `valid.txt`, `test.txt`, one sentence a line, words parted
by blanks: the form of Mikolov's Penn Treebank files. A line ends in the word `<eos>`."""

from __future__ import annotations

import functools
import os
import pathlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cells.support import files
from cells.support.errors import UserError, cut

EOS = "<eos>"

#: The files by what they are for.
TRAINING, VALIDATION, TEST = "train.txt", "valid.txt", "test.txt"

#: Larger texts, and more words, are beyond what is trained here.
MAX_BYTES, MAX_WORDS = 2**31, 1_000_000


@dataclass(frozen=True)
class Text:
    """What a search knows of a text: never its test part.

    Attributes:
        words: those of the training text by their numbers; `<eos>` is the first.
        training: the numbers of its words, in order, int32.
        validation: the same.
    """

    words: tuple[str, ...]
    training: np.ndarray
    validation: np.ndarray


def load(folder: str) -> Text:
    """Reads the training and the validation text, once for each state of the files.

    Args:
        folder: has both files.

    Raises:
        UserError: a file is missing or is none of this form; says which, where and why.
    """
    place = files.expanded(folder)
    paths = [files.require_file(place / name, "text") for name in (TRAINING, VALIDATION)]
    return _load(place, tuple((s.st_mtime_ns, s.st_size) for s in map(os.stat, paths)))


def test(folder: str) -> np.ndarray:
    """The test text as the numbers of the words of the training text.

    Args:
        folder: has all three files.

    Raises:
        UserError: see `load`; or the test text has another word.
    """
    return numbers(files.expanded(folder) / TEST, load(folder).words)


@functools.lru_cache(maxsize=2)
def _load(folder: pathlib.Path, state: tuple) -> Text:
    known = {EOS: 0}
    training = []
    for _, line in _lines(folder / TRAINING):
        training += [known.setdefault(word, len(known)) for word in line]
        if len(known) > MAX_WORDS:
            raise UserError(
                f"{folder / TRAINING}: has more than the {MAX_WORDS:,} different words that a "
                "model takes; write <unk> for rare ones"
            )
    words = tuple(known)
    return Text(words, np.array(training, np.int32), numbers(folder / VALIDATION, words))


def numbers(path: pathlib.Path, words: tuple[str, ...]) -> np.ndarray:
    """A text as the numbers of its words.

    Args:
        path: of the file.
        words: that there are.

    Returns:
        int32, with that of `<eos>` at the end of each line.

    Raises:
        UserError: the file is missing, is none of this form, or has another word.
    """
    known = {word: number for number, word in enumerate(words)}
    found: list[int] = []
    for line, written in _lines(path):
        for word in written:
            if word not in known:
                raise UserError(
                    f"{path}, line {line}: the word {cut(word)!r} is not in {TRAINING}; write "
                    "<unk> for it in both"
                )
            found.append(known[word])
    return np.array(found, np.int32)


def _lines(path: pathlib.Path) -> Iterator[tuple[int, list[str]]]:
    """Lines by their numbers, as words with `<eos>`."""
    text = files.read_text(path, "text", MAX_BYTES).removesuffix("\n")
    for number, line in enumerate(text.split("\n"), 1):
        if not (words := line.split()):
            raise UserError(f"{path}, line {number}: is empty; take it out, a line is a sentence")
        yield number, [*words, EOS]


@dataclass(frozen=True)
class Window:
    """Some steps of all streams.

    Attributes:
        inputs: words, int32 `(streams, steps)`.
        targets: those that come next.
        counted: 1 where there is a target, float32; 0 behind the end of the text.
    """

    inputs: np.ndarray
    targets: np.ndarray
    counted: np.ndarray


def windows(text: np.ndarray, streams: int, steps: int) -> list[Window]:
    """A text as streams side by side, cut into windows; each of its words is a target once.

    Args:
        text: the numbers of its words.
        streams: how many parts of it are read at the same time; a state goes from window to window.
        steps: words of a window, in each stream.
    """
    length = -(-len(text) // streams)
    count = -(-length // steps)

    def cut_up(values: np.ndarray) -> np.ndarray:
        rows = np.zeros((streams, count * steps), values.dtype)
        padded = np.zeros(streams * length, values.dtype)
        padded[: len(values)] = values
        rows[:, :length] = padded.reshape(streams, length)
        return rows.reshape(streams, count, steps).swapaxes(0, 1)

    before = np.concatenate([[0], text[:-1]]).astype(np.int32)  # The text begins behind an <eos>.
    parts = map(cut_up, (before, text, np.ones(len(text), np.float32)))
    return [Window(*window) for window in zip(*parts, strict=True)]
