"""An evolved graph: the DNA of Real et al. 2017, "Large-Scale Evolution of Image Classifiers".

A vertex is the sum of what its edges bring, as it is (`linear`) or batch-normed and activated
(`bn_relu`). An edge is an identity or a convolution without bias. Where several edges meet, the
one of the largest precedence is primary: the others are brought to its size (nearest neighbours)
and to its channels (truncated, or filled up with zeros). The numbers of a convolution are kept as
they were drawn, so that small mutations add up, and rounded when the network is laid out.

The paper leaves open that what meets is added (its factor of initial weights, and He et al. 2016,
say so); it has one precedence each for depth and scale, which its mutations never set apart.
"""

from __future__ import annotations

import functools
import graphlib
import json
import math
import pathlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from cells.evolved.canonical import canonical_key
from cells.evolved.layout import layout, require_possible
from cells.genotype.genotype import check_name
from cells.genotype.genotype_file import FORMAT_VERSION, check_schema, schema
from cells.operations.architecture import Architecture, Sketch
from cells.operations.graph import Graph
from cells.operations.primitives import Size
from cells.support.errors import UserError, cut
from cells.support.settings import check, setting

#: What comes in, and what goes to the classifier: ids of vertices that every graph has.
INPUT, OUTPUT = "input", "output"

TYPES = ("linear", "bn_relu")

#: Beyond the 33 convolutions of the paper's best network, and what the file may hold.
MAX_VERTICES, MAX_EDGES, MAX_BYTES = 256, 512, 64 * 1024

_ID = re.compile(r"[a-z0-9]{1,16}")

SCHEMA = pathlib.Path(__file__).parent / "schema" / "graph.schema.json"


@dataclass(frozen=True)
class Vertex:
    """A sum.

    Attributes:
        id: its weights have it in their name.
        type: one of `TYPES`.
    """

    id: str
    type: str = setting("linear", choices=TYPES)


@dataclass(frozen=True)
class Convolution:
    """What a convolution is before its numbers are rounded.

    Attributes:
        depth_factor: channels out, by channels in.
        half_height, half_width: of the filter on either side of its middle: 1 is 3x3.
        log2_stride: 0 keeps the size, 1 halves it.
    """

    depth_factor: float = setting(1.0, above=0, most=10_000)
    half_height: float = setting(1.0, least=0, most=16)
    half_width: float = setting(1.0, least=0, most=16)
    log2_stride: float = setting(0.0, least=0, most=10)

    @property
    def kernel(self) -> Size:
        """Height and width of the filter, odd."""
        return 2 * round(self.half_height) + 1, 2 * round(self.half_width) + 1

    @property
    def stride(self) -> int:
        """A power of two."""
        return 2 ** round(self.log2_stride)

    def channels(self, channels: int) -> int:
        """Channels that it makes of so many, at least one."""
        return max(1, round(self.depth_factor * channels))


@dataclass(frozen=True)
class Edge:
    """What leads from a vertex to another.

    Attributes:
        id: its weights have it in their name.
        source, target: ids of vertices.
        precedence: of the edges of a vertex, the one of the largest is primary.
        convolution: None for an identity.
    """

    id: str
    source: str
    target: str
    precedence: float = setting(1.0, least=0, most=1e6)
    convolution: Convolution | None = None


@dataclass(frozen=True)
class EvolvedGraph(Architecture):
    """A network that grew by mutations.

    Attributes:
        vertices: `input` and `output` among them.
        edges: in any order.
        learning_rate: with which it is trained: part of the DNA.
        name, provenance: see `cells.operations.architecture.Architecture`.

    Raises:
        UserError: it is no such network; says what is wrong with which vertex or edge.

    Example:
        >>> from cells.operations.counts import summarize
        >>> summarize(FIRST.layout((32, 32), 10), ("logits",), (32, 32)).trainable
        40
    """

    kind: ClassVar[str] = "graph"

    vertices: tuple[Vertex, ...]
    edges: tuple[Edge, ...]
    learning_rate: float = setting(0.1, above=0, most=1e6)
    name: str = "graph"
    provenance: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        check_name(self.name)
        for what, count, most in (
            ("vertices", len(self.vertices), MAX_VERTICES),
            ("edges", len(self.edges), MAX_EDGES),
        ):
            if count > most:
                raise UserError(f"{what}: {count:,} are too many; a graph has at most {most}")
        check(self)
        for i, vertex in enumerate(self.vertices):
            check(vertex, f"vertices[{i}].")
        for i, edge in enumerate(self.edges):
            check(edge, f"edges[{i}].")
            if edge.convolution is not None:
                check(edge.convolution, f"edges[{i}].convolution.")
        self._check_ids()
        self._check_edges()
        _ = self.order
        if len(size := json.dumps(self._values())) > MAX_BYTES:
            raise UserError(f"graph: {len(size):,} bytes of JSON are too many; use {MAX_BYTES:,}")

    def _check_ids(self) -> None:
        seen: set[str] = set()
        named = [(f"vertices[{i}].id", vertex.id) for i, vertex in enumerate(self.vertices)]
        named += [(f"edges[{i}].id", edge.id) for i, edge in enumerate(self.edges)]
        for where, name in named:
            if not _ID.fullmatch(name):
                raise UserError(
                    f"{where}: {cut(repr(name))} is no id; use 1 to 16 small letters and digits"
                )
            if name in seen:
                raise UserError(
                    f"{where}: {name!r} is there already; every vertex and every edge needs an id "
                    "of its own"
                )
            seen.add(name)
        for needed in (INPUT, OUTPUT):
            if needed not in self.types:
                raise UserError(f"vertices: there is no vertex {needed!r}; every graph has one")

    def _check_edges(self) -> None:
        for i, edge in enumerate(self.edges):
            for end, name in (("from", edge.source), ("to", edge.target)):
                if name not in self.types:
                    raise UserError(
                        f"edges[{i}].{end}: there is no vertex {name[:20]!r}; name one of them"
                    )
            if edge.target == INPUT or edge.source == OUTPUT:
                raise UserError(
                    f"edges[{i}]: leads {'to input' if edge.target == INPUT else 'from output'}; "
                    "nothing is before the input or behind the output"
                )
        read = {edge.source for edge in self.edges}
        for vertex in self.types:
            if vertex != INPUT and vertex not in self.incoming:
                raise UserError(f"vertex {vertex}: no edge leads there; add one, or remove it")
            if vertex != OUTPUT and vertex not in read:
                raise UserError(f"vertex {vertex}: no edge reads it; add one, or remove it")
        for vertex, edges in self.incoming.items():
            if len({edge.precedence for edge in edges}) < len(edges):
                raise UserError(
                    f"vertex {vertex}: two of its edges have one precedence, so none of them is "
                    "primary; give each another"
                )

    @functools.cached_property
    def types(self) -> dict[str, str]:
        """The type of each vertex by its id."""
        return {vertex.id: vertex.type for vertex in self.vertices}

    @functools.cached_property
    def incoming(self) -> dict[str, list[Edge]]:
        """The edges that lead to each vertex, the primary one first."""
        edges: dict[str, list[Edge]] = {}
        for edge in sorted(self.edges, key=lambda e: -e.precedence):
            edges.setdefault(edge.target, []).append(edge)
        return edges

    @functools.cached_property
    def order(self) -> tuple[str, ...]:
        """The vertices so that edges lead forward only.

        Raises:
            UserError: there is a cycle.
        """
        before = {v: [e.source for e in self.incoming.get(v, ())] for v in self.types}
        try:
            return tuple(graphlib.TopologicalSorter(before).static_order())
        except graphlib.CycleError as error:
            cycle = " -> ".join(reversed(error.args[1][:6]))
            raise UserError(f"edges: there is a cycle, {cycle}; remove one of its edges") from None

    @functools.cached_property
    def backbone(self) -> list[Edge]:
        """The primary edges from the input to the output."""
        path: list[Edge] = []
        vertex = OUTPUT
        while vertex != INPUT:
            path.append(self.incoming[vertex][0])
            vertex = path[-1].source
        return path[::-1]

    def layout(
        self, size: Size | None, classes: int | None, *, channels: int = 3, dropout: float = 0.0
    ) -> Graph:
        return layout(self, size, classes, channels=channels, dropout=dropout)

    def require_possible(self) -> None:
        require_possible(self)

    def canonical_key(self) -> str:
        return canonical_key(self)

    def to_dict(self) -> dict[str, Any]:
        head = {"format_version": FORMAT_VERSION, "kind": self.kind, "name": self.name}
        return {**head, **self._values(), "provenance": dict(self.provenance)}

    def _values(self) -> dict[str, Any]:
        return {
            "learning_rate": self.learning_rate,
            "vertices": [asdict(vertex) for vertex in self.vertices],
            "edges": [
                {
                    "id": edge.id,
                    "from": edge.source,
                    "to": edge.target,
                    "precedence": edge.precedence,
                    **({"convolution": asdict(edge.convolution)} if edge.convolution else {}),
                }
                for edge in self.edges
            ],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> EvolvedGraph:
        check_schema(data, schema(SCHEMA))
        return cls(
            tuple(Vertex(**vertex) for vertex in data["vertices"]),
            tuple(_edge(**edge) for edge in data["edges"]),
            _number(data["learning_rate"]),
            data["name"],
            data.get("provenance", {}),
        )

    @property
    def title(self) -> str:
        count = sum(edge.convolution is not None for edge in self.edges)
        return f"evolved graph of {count} convolution{'' if count == 1 else 's'}"

    def describe(self) -> list[str]:
        lines = [f"learning rate {self.learning_rate:.4g}"]
        for vertex in self.order:
            brought = " + ".join(
                f"{edge.source} by {_words(edge)}" for edge in self.incoming.get(vertex, ())
            )
            after = ", batch norm, relu" if self.types[vertex] == "bn_relu" else ""
            lines.append(f"{vertex} = {brought or 'the image'}{after}")
        return lines

    def sketch(self) -> Sketch:
        """One box a vertex that is more than its only edge, and one a convolution."""
        rows: list[tuple[str, str]] = []
        edges: list[tuple[int, int]] = []
        row: dict[str, int] = {}
        for vertex in self.order:
            read: list[int] = []
            for edge in self.incoming.get(vertex, ()):
                read.append(row[edge.source])
                if edge.convolution is not None:
                    rows.append((_words(edge), "convolution"))
                    edges.append((read[-1], len(rows) - 1))
                    read[-1] = len(rows) - 1
            rows.append(_box(vertex, self.types[vertex], len(read)))
            row[vertex] = len(rows) - 1
            edges += [(i, row[vertex]) for i in dict.fromkeys(read)]
        return Sketch(tuple(rows), tuple(edges))


def _box(vertex: str, kind: str, edges: int) -> tuple[str, str]:
    if vertex == INPUT:
        return "image", "input"
    words = [*(["sum"] if edges > 1 else []), *(["batch norm, relu"] if kind == "bn_relu" else [])]
    if vertex == OUTPUT:
        return ", ".join([*words, "classifier"]), "output"
    return ", ".join(words) or "identity", "identity"


def _words(edge: Edge) -> str:
    if edge.convolution is None:
        return "identity"
    rows, columns = edge.convolution.kernel
    stride = f" /{edge.convolution.stride}" if edge.convolution.stride > 1 else ""
    return f"conv {rows}×{columns}{stride} ×{edge.convolution.depth_factor:.3g}"


def _edge(**values: Any) -> Edge:
    conv = values.get("convolution")
    return Edge(
        values["id"],
        values["from"],
        values["to"],
        _number(values["precedence"]),
        None if conv is None else Convolution(**{n: _number(v) for n, v in conv.items()}),
    )


def _number(value: float) -> float:
    # Whole numbers of any length are JSON, but no floats.
    return float(value) if abs(value) < 2**63 else math.copysign(1e300, value)


#: The individuals that evolution begins with: no convolution (section 3.1 of the paper).
FIRST = EvolvedGraph((Vertex(INPUT), Vertex(OUTPUT)), (Edge("first", INPUT, OUTPUT),))
