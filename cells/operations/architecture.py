"""Architectures: whole networks as data, which lay themselves out in a graph.

Cells are no architecture by themselves: with the settings of a stack they are one of many networks.
Whoever has either calls `cells.network.stack.stack`, and knows no more than the graph.
"""

from __future__ import annotations

import abc
import difflib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from cells.operations.graph import Graph
from cells.operations.primitives import Size


@dataclass(frozen=True)
class Sketch:
    """What a drawing of a whole network shows, from top to bottom.

    Attributes:
        rows: text and kind of each box; kinds are those of `cells.operations.operations.Operation`,
            or `input` and `output` for what comes in and goes out.
        edges: which row reads which, as (read, reader) with read < reader; those from a row to the
            next are arrows, the others arcs.
    """

    rows: tuple[tuple[str, str], ...]
    edges: tuple[tuple[int, int], ...]


class Architecture(abc.ABC):
    """A whole network as data: a frozen dataclass whose construction checks all that must hold.

    `cells.kinds.files` has a row for each kind.

    Attributes:
        kind: the field `kind` of its JSON files.
        name: as that of a genotype (`cells.genotype.genotype.check_name`).
        provenance: where it comes from: JSON values, not part of its identity.
    """

    kind: ClassVar[str]
    name: str
    provenance: Mapping[str, Any]

    @abc.abstractmethod
    def layout(
        self, size: Size | None, classes: int | None, *, channels: int = 3, dropout: float = 0.0
    ) -> Graph:
        """The network as a graph.

        Args:
            size: height and width of the images; None for images of any size.
            classes: of the head; None leaves it out.
            channels: of the images.
            dropout: rate before the head.

        Returns:
            A graph with the output `logits`, or `features` without a head. Its first node is the
            image.

        Raises:
            UserError: there is no such network for images like these.
        """

    def require_possible(self) -> None:  # noqa: B027 (most kinds check it when they are made)
        """Raises a UserError where `layout` would refuse images of every size; not asked of each
        network that is made, as it takes as long as a layout."""

    @abc.abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """The architecture as JSON values, as its file holds it; `from_dict` is the inverse."""

    @classmethod
    @abc.abstractmethod
    def from_dict(cls, data: dict[str, Any]) -> Architecture:
        """Makes the architecture of JSON values of its kind, from anybody.

        Args:
            data: an object whose version and kind are known to be right.

        Raises:
            UserError: one sentence that names the field and the remedy.
        """

    @abc.abstractmethod
    def canonical_key(self) -> str:
        """64 hexadecimal digits that are equal for architectures of the same function; name and
        provenance do not count."""

    @property
    def published_size(self) -> Size | None:
        """Of the images that it was published for, as its provenance says; None if it does not."""
        side = self.provenance.get("image_size")
        return (side, side) if type(side) is int else None

    @property
    @abc.abstractmethod
    def title(self) -> str:
        """What it is, in a few words, such as `layer-wise network of 15 layers`."""

    @abc.abstractmethod
    def describe(self) -> list[str]:
        """The architecture in words, one line a part."""

    @abc.abstractmethod
    def sketch(self) -> Sketch:
        """What a drawing of it shows."""

    def differences(self, new: Architecture) -> Iterator[str]:
        """Lines that lead from this to another one: `-` taken away, `+` added; nothing for equals.

        Args:
            new: the one after.
        """
        if self != new and self.canonical_key() == new.canonical_key():
            yield "the same function: only the name, or the order of parts, differs"
            return
        yield from changed_lines(*([f"name: {a.name}", *a.describe()] for a in (self, new)))


def changed_lines(before: list[str], after: list[str]) -> Iterator[str]:
    """Lines that are not in both texts, `- ` taken away, `+ ` added; one after the other in turn.

    (`difflib.ndiff` looks for similar lines, too, which takes a minute for two large networks.)

    Args:
        before: lines.
        after: lines.
    """
    matched = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, i, j, k, n in matched.get_opcodes():
        if tag != "equal":
            for old, new in itertools.zip_longest(before[i:j], after[k:n]):
                yield from [f"- {old}"] * (old is not None) + [f"+ {new}"] * (new is not None)
