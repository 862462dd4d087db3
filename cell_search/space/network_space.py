"""Spaces whose points stand for networks of images, whatever these are made of."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any

from cell_search.space.space import Decision, Point, Space
from cells.kinds.files import ImageGenotype


class NetworkSpace(Space):
    """A space whose points are genotypes: cells, or whole networks.

    Attributes:
        settings: further decisions that belong to a candidate, but not to its genotype.
        as_written: whether genotypes that compute the same, but are written in another way, are
            different candidates.
    """

    settings: tuple[Decision, ...]
    as_written: bool

    @abc.abstractmethod
    def decode(
        self,
        point: Mapping[str, Any],
        *,
        name: str | None = None,
        provenance: Mapping[str, Any] | None = None,
    ) -> ImageGenotype:
        """The genotype that a point stands for.

        Args:
            point: a choice for each decision.
            name: of the genotype; made of the space and the canonical key by default.
            provenance: see `Genotype`.
        """

    @abc.abstractmethod
    def encode(self, genotype: Any, settings: Mapping[str, Any] | None = None) -> Point:
        """The point that stands for a genotype: the inverse of `decode`.

        Args:
            genotype: of any origin.
            settings: choices of the further decisions by name; of others the first is taken.

        Raises:
            UserError: it does not fit into the space; says where, and why.
        """

    @property
    @abc.abstractmethod
    def source(self) -> str:
        """The paper, and the section that says so."""

    @property
    @abc.abstractmethod
    def extent(self) -> str:
        """How large its genotypes are, in words."""

    @property
    def noun(self) -> str:
        """What its genotypes are: `cells` or `networks`."""
        return "networks"


def genotype_of(space: Space, point: Mapping[str, Any]) -> ImageGenotype | None:
    """The genotype that a point of any space stands for, or None in a space without genotypes.

    Args:
        space: the decisions.
        point: a choice for each decision, by name.
    """
    return space.decode(point) if isinstance(space, NetworkSpace) else None
