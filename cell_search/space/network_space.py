"""Spaces whose points stand for networks of images, whatever these are made of."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cell_search.space.space import GenotypeSpace, Point
from cells.kinds.files import ImageGenotype


@dataclass(frozen=True)
class NetworkSpace(GenotypeSpace):
    """A space whose points are image cells, or whole networks.

    Attributes:
        as_written: whether genotypes that compute the same, but are written in another way, are
            different candidates.
    """

    as_written: bool = field(default=False, kw_only=True)

    @abc.abstractmethod
    def decode(
        self,
        point: Mapping[str, Any],
        *,
        name: str | None = None,
        provenance: Mapping[str, Any] | None = None,
    ) -> ImageGenotype:
        """See `GenotypeSpace.decode`."""

    @abc.abstractmethod
    def encode(self, genotype: Any, settings: Mapping[str, Any] | None = None) -> Point:
        """The point that stands for a genotype: the inverse of `decode`.

        Args:
            genotype: of any origin.
            settings: choices of the further decisions by name; of others the first is taken.

        Raises:
            UserError: it does not fit into the space; says where, and why.
        """
