"""What one reader of files from outside needs to be tried."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from benchmarks.mutated_inputs.mutations import Mutation
from cells.support.errors import UserError


@dataclass(frozen=True)
class Reader:
    """A reader of files from outside.

    Attributes:
        valid: the contents of valid files, to be damaged; called once.
        mutate: makes a damaged file of one of them.
        read: writes a content into an empty folder of its own and reads it, as the product does;
            raises what the product raises.
    """

    valid: Callable[[], Sequence[bytes]]
    mutate: Mutation
    read: Callable[[bytes, Path], object]


def mutated(reader: Reader, valid: Sequence[bytes], random: Random) -> bytes:
    """A damaged file, made of one of the valid ones."""
    return reader.mutate(random, random.choice(valid))


def try_one(reader: Reader, content: bytes, folder: Path) -> str | None:
    """Reads one damaged file.

    Args:
        reader: what is tried.
        content: of the file.
        folder: an empty folder.

    Returns:
        The sentence that the file was refused with; None where it was read.

    Raises:
        Exception: whatever else the reader raises: a fault of it.
        AssertionError: the sentence is none: it is empty, or endless.
    """
    try:
        reader.read(content, folder)
    except UserError as error:
        sentence = str(error)
        assert sentence.strip() and len(sentence) < 1000, f"is no sentence: {sentence[:300]!r}"
        return sentence
    return None
