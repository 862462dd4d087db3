"""Genotypes in the notations of other code bases: read as data, never evaluated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cells.genotype import genotype_file
from cells.genotype.genotype import Genotype
from cells.genotype.notations import darts, enas, nas_bench_201, tpu
from cells.support.registry import choose

__all__ = ["FORMATS", "Format", "find_format"]

#: A text in another notation is a few hundred characters; what is much longer is something else.
MAX_CHARACTERS = 100_000

#: DARTS prints every genotype and all weights after each of 50 epochs: less than a million.
MAX_LOG_CHARACTERS = 16_000_000


@dataclass(frozen=True)
class Format:
    """A notation.

    Attributes:
        name: as in `cells convert --from=... --to=...`.
        title: what it is.
        read: makes a genotype of a text; raises a UserError that names the place. Where a text may
            hold `several`, it takes the name of the one, too.
        write: the text of a genotype; raises a UserError where the notation cannot hold it.
        several: see `read`.
        most: characters that a text may have.
    """

    name: str
    title: str
    read: Callable[..., Genotype]
    write: Callable[[Genotype], str]
    several: bool = False
    most: int = MAX_CHARACTERS


FORMATS = {
    f.name: f
    for f in (
        Format(
            "json",
            "this project's genotype file",
            genotype_file.parse,
            genotype_file.dumps,
            most=genotype_file.MAX_BYTES,
        ),
        Format(
            "darts",
            "Genotype(normal=[...], normal_concat=...) of DARTS, also in a log or a .py file",
            darts.read,
            darts.write,
            several=True,
            most=MAX_LOG_CHARACTERS,
        ),
        Format("enas", "the digits of ENAS's fixed arc", enas.read, enas.write),
        Format("tpu", "operations, hidden-state indices and used states", tpu.read, tpu.write),
        Format("nas_bench_201", "|op~0|+|op~0|op~1|+...", nas_bench_201.read, nas_bench_201.write),
    )
}


def find_format(name: str) -> Format:
    """The notation of that name.

    Args:
        name: a key of `FORMATS`.

    Raises:
        UserError: there is none; lists those that exist.
    """
    return choose("format", name, FORMATS)
