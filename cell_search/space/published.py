"""The published spaces, and two of ours, `*_joined`; a further one is one more row."""

from __future__ import annotations

from cell_search.space import nas_bench_201
from cell_search.space.cell_space import CellSpace, Rules
from cell_search.space.graph_space import GraphSpace
from cell_search.space.layerwise import LayerwiseSpace
from cell_search.space.recurrent_spaces import HighwaySpace, RecurrentSpace, TreeSpace
from cell_search.space.space import Space
from cells.support.errors import UserError
from cells.support.registry import choose

#: The operations of two papers.
_EIGHT = (
    "sep_conv_3x3",
    "sep_conv_5x5",
    "sep_conv_7x7",
    "conv_1x7_7x1",
    "identity",
    "avg_pool_3x3",
    "max_pool_3x3",
    "dil_conv_3x3",
)

_NASNET = (
    "identity",
    "conv_1x3_3x1",
    "conv_1x7_7x1",
    "dil_conv_3x3",
    "avg_pool_3x3",
    "max_pool_3x3",
    "max_pool_5x5",
    "max_pool_7x7",
    "conv_1x1",
    "conv_3x3",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "sep_conv_7x7",
)

_ROWS = (
    Rules(
        name="nasnet",
        source="Zoph et al. 2018, section 3.1",
        operations=_NASNET,
        cells=("normal", "reduction"),
        combinations=("add", "concat"),
        concat="unread",
        stacking="nasnet",
    ),
    Rules(
        # Small cells of few blocks: all of them are joined, which widens what the next cell reads,
        # and nothing costs a convolution by being combined.
        name="nasnet_joined",
        source="ours; the operations of Zoph et al. 2018, joined as in Liu et al. 2018",
        operations=_NASNET,
        cells=("normal", "reduction"),
        combinations=("add",),
        concat="blocks",
        stacking="nasnet",
        blocks=2,
    ),
    Rules(
        # For stacks without Reduction cells, where decisions about them would be without effect.
        name="normal_joined",
        source="ours; `nasnet_joined` for the stem `transitions`, which has no Reduction cells",
        operations=_NASNET,
        cells=("normal",),
        combinations=("add",),
        concat="blocks",
        stacking="nasnet",
        blocks=2,
    ),
    Rules(
        name="pnas",
        source="Liu et al. 2018, section 3.1",
        operations=_EIGHT,
        cells=("cell",),
        combinations=("add",),
        concat="blocks",
        stacking="pnasnet",
    ),
    Rules(
        name="amoebanet",
        source="Real et al. 2019, section 3",
        operations=_EIGHT,
        cells=("normal", "reduction"),
        combinations=("add",),
        concat="unread",
        stacking="nasnet",
    ),
    Rules(
        name="enas",
        source="Pham et al. 2018, section 2.4",
        operations=(
            "sep_conv_3x3",
            "sep_conv_5x5",
            "avg_pool_3x3",
            "max_pool_3x3",
            "identity",
        ),
        cells=("normal", "reduction"),
        combinations=("add",),
        concat="unread",
        stacking="enas",
    ),
    Rules(
        # The operation `none` of the relaxed search is left out: no discrete cell keeps it.
        name="darts",
        source="Liu et al. 2019, section 3.1",
        operations=(
            "max_pool_3x3",
            "avg_pool_3x3",
            "identity",
            "sep_conv_3x3",
            "sep_conv_5x5",
            "dil_conv_3x3",
            "dil_conv_5x5",
        ),
        cells=("normal", "reduction"),
        combinations=("add",),
        concat="blocks",
        stacking="darts",
        blocks=4,
        two_states=True,
    ),
)

SPACES: dict[str, Rules] = {row.name: row for row in _ROWS}

#: Spaces whose points are no genotypes: what can be searched in them is looked up in tables.
OTHERS: dict[str, Space] = {"nas_bench_201": nas_bench_201.SPACE}

#: Spaces of whole networks, as the papers have them.
WHOLE: dict[str, Space] = {"layerwise": LayerwiseSpace(), "graph": GraphSpace()}

#: Spaces of recurrent cells.
RECURRENT: dict[str, type[RecurrentSpace]] = {
    kind.prefix: kind for kind in (TreeSpace, HighwaySpace)
}


def named(name: str, blocks: int = 0) -> Space:
    """The space of a name, with genotypes or without.

    Args:
        name: a key of `SPACES`, `OTHERS`, `WHOLE` or `RECURRENT`.
        blocks: of a cell; leaves or nodes of a recurrent one; 0: as in the paper.

    Raises:
        UserError: there is no such space, or it cannot have so many blocks.
    """
    others = {**OTHERS, **WHOLE}
    choose("space.name", name, {**SPACES, **others, **RECURRENT})
    if name in RECURRENT:
        return RECURRENT[name](blocks=blocks) if blocks else RECURRENT[name]()
    if name not in others:
        return find(name, blocks)
    if blocks:
        raise UserError(f"space.blocks: {blocks}: the space {name} has no blocks; leave it at 0")
    return others[name]


def find(name: str, blocks: int = 0, growable: bool = False) -> CellSpace:
    """The space of a name, whose points are genotypes.

    Args:
        name: one of `SPACES`.
        blocks: blocks of a cell; 0 stands for as many as in the paper.
        growable: whether cells may have fewer blocks.

    Raises:
        UserError: there is no such space, or it cannot have so many blocks.
    """
    rules = choose("space.name", name, SPACES)
    return CellSpace(rules=rules, blocks=blocks or rules.blocks, growable=growable)
