"""Scores that are looked up: a whole search takes seconds."""

from __future__ import annotations

import abc
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from cell_search.evaluators import tables
from cell_search.evaluators._base import EVALUATORS, Evaluator, Score
from cell_search.evaluators._request import Request
from cell_search.images import ImageSettings
from cell_search.space import nas_bench_201, published
from cell_search.space.space import Point, Space
from cells.support.errors import UserError
from cells.support.files import expanded

#: The share of a space below which drawing until a table holds a point takes too long.
_SMALL = 0.01


@dataclass(frozen=True)
class TableEvaluator(Evaluator):
    """What the evaluators with a table share.

    The reward is `valid`. `test` is recorded for people and is no metric that could be an
    objective: a search that selected on it would peek.
    """

    reward: ClassVar[str] = "valid"
    uses_images: ClassVar[bool] = False
    as_written: ClassVar[bool] = True

    @abc.abstractmethod
    def lookup(self, space: Space, images: ImageSettings) -> tables.Lookup:
        """The table; quick from the second time on.

        Args:
            space: of the candidates.
            images: say where the data lies.

        Raises:
            UserError: it cannot be read.
        """

    def check(self, images: ImageSettings, space: Space) -> None:
        super().check(images, space)
        self.lookup(space, images)

    def check_space(self, space: Space) -> None:
        pass  # A table has any space.

    def knows(self, point: Mapping[str, Any], space: Space, images: ImageSettings) -> bool:
        return self.lookup(space, images).look_up(point) is not None

    def score(self, request: Request) -> Score:
        entry = self.lookup(request.space, request.images).look_up(request.decisions)
        if entry is None:
            raise LookupError("the table does not hold this candidate")
        known = {name: value for name, value in entry._asdict().items() if value is not None}
        return Score({**known, **self.further(request.decisions)})

    def further(self, point: Mapping[str, Any]) -> dict[str, float]:
        """Metrics that follow from the decisions alone.

        Args:
            point: the decisions.
        """
        return {}

    def metrics(self) -> tuple[str, ...]:
        return ("valid", "cost")


def _need(space: Space, wanted: Space, where: str, name: str) -> None:
    if space.decisions != wanted.decisions:
        raise UserError(f"{where}: scores the space {name} only; use space.name={name}")


@EVALUATORS.register("nas_bench_201")
@dataclass(frozen=True)
class NasBench201(TableEvaluator):
    """Dong & Yang 2020: validation accuracy after 12 epochs; test after 200, seconds of training.

    Attributes:
        dataset: `c10` (CIFAR-10), `c100` (CIFAR-100) or `in16` (ImageNet16-120).
    """

    dataset: str = "c10"

    def lookup(self, space: Space, images: ImageSettings) -> tables.Lookup:
        return tables.nas_bench_201(self.dataset, images.data_dir)

    def files(self, images: ImageSettings) -> Iterable[tuple[str, str]]:
        return [("nas_bench_201", str(tables.data_file(images.data_dir, tables.NB201)))]

    def check_space(self, space: Space) -> None:
        _need(space, nas_bench_201.SPACE, "evaluator of NAS-Bench-201", "nas_bench_201")

    def further(self, point: Mapping[str, Any]) -> dict[str, float]:
        parameters, multiply_adds = nas_bench_201.network_size(point, tables.CLASSES[self.dataset])
        return {"parameters": parameters, "multiply_adds": multiply_adds}

    def metrics(self) -> tuple[str, ...]:
        return (*super().metrics(), "parameters", "multiply_adds")


@EVALUATORS.register("nats_bench")
@dataclass(frozen=True)
class NatsBench(NasBench201):
    """The same from the authors' own file, by their API.

    Attributes:
        file: of NATS-Bench's topology cells, or the folder of its quick version.
    """

    file: str = ""

    def lookup(self, space: Space, images: ImageSettings) -> tables.Lookup:
        if not self.file:
            raise UserError("evaluator.nats_bench.file: is not set; it names a NATS-Bench file")
        return tables.nats_bench(self.file, self.dataset)

    def files(self, images: ImageSettings) -> Iterable[tuple[str, str]]:
        return [("nats_bench.file", str(expanded(self.file)))]


@EVALUATORS.register("nas_bench_301")
@dataclass(frozen=True)
class NasBench301(TableEvaluator):
    """Zela et al. 2022: the accuracy that a model of the benchmark predicts for DARTS cells."""

    def lookup(self, space: Space, images: ImageSettings) -> tables.Lookup:
        return tables.nas_bench_301(images.data_dir)

    def files(self, images: ImageSettings) -> Iterable[tuple[str, str]]:
        return [("nas_bench_301", str(tables.data_file(images.data_dir, tables.NB301)))]

    def check_space(self, space: Space) -> None:
        _need(space, published.find("darts"), "evaluator.nas_bench_301", "darts")

    def knows(self, point: Mapping[str, Any], space: Space, images: ImageSettings) -> bool:
        return True


@EVALUATORS.register("table")
@dataclass(frozen=True)
class AnyTable(TableEvaluator):
    """A table of one's own.

    Attributes:
        file: `.csv` or `.csv.gz`, see `cells docs tables`.
    """

    file: str = ""

    def lookup(self, space: Space, images: ImageSettings) -> tables.Lookup:
        if not self.file:
            raise UserError(
                "evaluator.table.file: is not set; cell-search --table=FILE.csv sets it"
            )
        return tables.read_table(self.file, space)

    def listed(self, space: Space, images: ImageSettings) -> list[Point] | None:
        table = tables.read_table(self.file, space)
        if len(table.entries) >= _SMALL * space.size:
            return None
        names = [d.name for d in space.decisions]
        return [dict(zip(names, choices, strict=True)) for choices in table.entries]

    def files(self, images: ImageSettings) -> Iterable[tuple[str, str]]:
        return [("table.file", str(expanded(self.file)))]
