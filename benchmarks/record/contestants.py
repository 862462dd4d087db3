"""Who is compared: cells with a size, and the residual network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

import yaml
from optuna.trial import FrozenTrial

from benchmarks.record import packed
from benchmarks.record.runs import ARMS, Record
from cell_search.config import searched_settings
from cell_search.space import published
from cells.genotype import catalogue, genotype_file
from cells.network import presets
from cells.network.build import NetworkConfig
from cells.network.residual import ResidualConfig, residual
from cells.network.stack import stack
from cells.operations.graph import Graph

RESIDUAL = "resnet_9"

#: Stem, N, empty group and F with which every cell is tried: with its Reduction cell; without it at
#: two widths; and as the hand-written cell was best.
SIZES = (
    ("pooled", 1, 0, 16),
    ("transitions", 1, 0, 8),
    ("transitions", 1, 0, 16),
    ("transitions", 1, 2, 16),
)

_STACK = ("stem", "normal_cells", "empty_group", "filters")


@dataclass(frozen=True)
class Contestant:
    """A network to be trained.

    Attributes:
        group: `search`, `random`, `published`, `hand_written` or `resnet_9`.
        name: of the cells.
        genotype: the cells as JSON values; none for the residual network.
        stem, normal_cells, empty_group, filters: of the stack.
    """

    group: str
    name: str
    genotype: dict[str, Any] | None = None
    stem: str = ""
    normal_cells: int = 0
    empty_group: int = 0
    filters: int = 0

    @property
    def label(self) -> str:
        """For people."""
        if self.genotype is None:
            return self.name
        empty = f", group {self.empty_group} empty" if self.empty_group else ""
        return f"{self.name} ({self.stem}, N={self.normal_cells}, F={self.filters}{empty})"

    def network(self, size: tuple[int, int], classes: int) -> tuple[Graph, NetworkConfig]:
        """Lays the network out.

        Args:
            size: of images, in pixels.
            classes: of the head.
        """
        if self.genotype is None:
            small = ResidualConfig(image_size=size, num_classes=classes)
            return residual(small), small
        cells = genotype_file.from_dict(self.genotype)
        config = presets.configure(
            cells,
            "cifar",
            stem=self.stem,
            normal_cells=self.normal_cells,
            empty_group=self.empty_group,
            filters=self.filters,
            image_size=size,
            num_classes=classes,
        )
        return stack(cells, config), config

    def as_dict(self) -> dict[str, Any]:
        """JSON values, from which the same is made."""
        return asdict(self)


def known() -> Iterator[Contestant]:
    """The residual network, and all cells of the catalogue in each size."""
    yield Contestant(RESIDUAL, RESIDUAL)
    for name in catalogue.names():
        group = name if name == "hand_written" else "published"
        genotype = genotype_file.to_dict(catalogue.load(name))
        genotype["provenance"] = {}
        for size in SIZES:
            yield Contestant(group, name, genotype, *size)


def found(record: Record, count: int) -> Iterator[Contestant]:
    """The best of both arms with the N, F and stem that they were found with.

    Args:
        record: where they lie.
        count: of each arm. What was trained again is ordered by that, the rest by the search.
    """
    values = yaml.safe_load((record.root / record.config).read_text())
    # Blocks and joins are those of the space; other decisions are settings.
    space = published.find(values["space"]["name"])
    stack = {name: values["evaluator"]["train"][name] for name in _STACK}
    for arm in ARMS:
        ranked = _ranked(record, arm)
        for place, params in enumerate(ranked[:count], start=1):
            genotype = genotype_file.to_dict(space.decode(params, name=f"{arm}-{place}"))
            chosen = stack | searched_settings.chosen(params)
            yield Contestant(arm, f"{arm}-{place}", genotype, **chosen)


def _ranked(record: Record, arm: str) -> list[dict[str, Any]]:
    """Decisions of the different candidates of an arm, best first."""
    again, searched = (
        _by_score(packed.trials_of(*packed.read(record.files(arm)[name])))
        for name in ("rerank", "")
    )
    return [*again.values(), *(params for key, params in searched.items() if key not in again)]


def _by_score(trials: list[FrozenTrial]) -> dict[str, dict[str, Any]]:
    """The decisions of different candidates by what tells them apart, best mean first."""
    scores: dict[str, list[float]] = {}
    points: dict[str, dict[str, Any]] = {}
    for trial in trials:
        if trial.values:
            key = str(sorted(trial.params.items()))
            scores.setdefault(key, []).append(trial.values[0])
            points[key] = trial.params
    return {key: points[key] for key in sorted(scores, key=lambda k: -fmean(scores[k]))}
