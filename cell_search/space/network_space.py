"""Spaces whose points stand for networks of images, whatever these are made of."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from cell_search.space.space import GenotypeSpace, Space
from cells.kinds.files import ImageGenotype, find_network
from cells.operations.architecture import Architecture

Network = TypeVar("Network", bound=ImageGenotype)
Whole = TypeVar("Whole", bound=Architecture)


@dataclass(frozen=True)
class NetworkSpace(GenotypeSpace[Network]):
    """A space whose points are image cells, or whole networks.

    Attributes:
        as_written: whether genotypes that compute the same, but are written in another way, are
            different candidates.
    """

    as_written: bool = field(default=False, kw_only=True)

    def find(self, name_or_path: str) -> ImageGenotype:
        return find_network(name_or_path)

    def canonical_key(self, point: Mapping[str, Any]) -> Hashable:
        """See `GenotypeSpace.canonical_key`, and `as_written`."""
        return Space.canonical_key(self, point) if self.as_written else super().canonical_key(point)


@dataclass(frozen=True)
class WholeNetworkSpace(NetworkSpace[Whole]):
    """A space whose points are whole networks."""

    noun: ClassVar[str] = "networks"

    def key(self, point: Mapping[str, Any]) -> str:
        """Equal for networks of the same function (`Architecture.canonical_key`)."""
        return self.decode(point, name="any").canonical_key()
