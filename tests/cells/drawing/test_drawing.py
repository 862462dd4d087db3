"""Drawings: what is on them, where it is, and that they are files one can rely on."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

import hypothesis
import matplotlib
import matplotlib.image
import numpy as np
import pytest
from genotype_strategies import random_cells, random_genotypes
from hypothesis import strategies as st
from matplotlib.patches import FancyBboxPatch

from cells import drawing
from cells.drawing.canvas import MAX_INCHES
from cells.drawing.figure import draw
from cells.drawing.layers import Item, Layers, OrderSearch
from cells.drawing.layout import Box, CellLayout, lay_out
from cells.drawing.theme import DARK, LIGHT
from cells.genotype import catalogue
from cells.genotype.genotype import MAX_BLOCKS, Block, Cell, Genotype, Side
from cells.operations.operations import OPERATIONS
from cells.support.errors import UserError

SVG = "{http://www.w3.org/2000/svg}"

#: Every drawing is checked in full; the first one pays for matplotlib's import.
many = hypothesis.settings(max_examples=60, deadline=None)
few = hypothesis.settings(max_examples=12, deadline=None)


def one_block(left: Side, right: Side, combine: str = "add") -> Cell:
    return Cell((Block(left, right, combine),), (2,))


def chain(blocks: int) -> Cell:
    """Every block reads the two states before it, and every state is joined."""
    return Cell(
        tuple(Block(Side(b, "identity"), Side(b + 1, "sep_conv_3x3")) for b in range(blocks)),
        tuple(range(blocks + 2)),
    )


def parallel(blocks: int) -> Cell:
    """Every block reads the two inputs."""
    block = Block(Side(0, "max_pool_3x3"), Side(1, "conv_1x7_7x1"), "concat")
    return Cell((block,) * blocks, tuple(range(2, blocks + 2)))


# What is on it


@pytest.mark.parametrize("name", catalogue.names())
def test_svg_has_a_labelled_box_for_each_side(name: str) -> None:
    genotype = catalogue.load(name)
    root = ElementTree.fromstring(drawing.svg(genotype))
    titles = {
        re.sub("^cell-[0-9a-f]+-", "", group.get("id", "")): group.findtext(f"{SVG}title")
        for group in root.iter(f"{SVG}g")
    }
    for role, cell in genotype.cells:
        for b, block in enumerate(cell.blocks):
            for side_name, side in block.sides:
                assert titles[f"{role}-block-{b}-{side_name}"] == (
                    f"block {b}, {side_name}: {OPERATIONS[side.operation].title} "
                    f"of state {side.input}"
                )


@few
@hypothesis.given(random_genotypes(max_blocks=6))
def test_the_letters_in_each_box_name_its_operation(genotype: Genotype) -> None:
    figure = draw(genotype, LIGHT)
    (axes,) = figure.axes
    boxes = {p.get_gid(): p for p in axes.patches if isinstance(p, FancyBboxPatch)}

    def letters(name: str) -> list[str]:
        """The lines of text in a box, from the top."""
        box = boxes.pop(name)
        inside = [
            (-y, text.get_text())
            for text in axes.texts
            for x, y in [text.get_position()]
            if 0 <= x - box.get_x() <= box.get_width() and 0 <= y - box.get_y() <= box.get_height()
        ]
        return [line for _, line in sorted(inside)]

    for role, cell in genotype.cells:
        for b, block in enumerate(cell.blocks):
            for side_name, side in block.sides:
                title = OPERATIONS[side.operation].title
                words = [w for w in title.split() if w != "then"]
                assert letters(f"{role}-block-{b}-{side_name}") == words
            assert letters(f"{role}-block-{b}") == [block.combine]
        if len(cell.concat) > 1:
            assert letters(f"{role}-concat") == ["concat"]
        assert letters(f"{role}-input-0") == ["$h_{i{-}1}$"]
        assert letters(f"{role}-input-1") == ["$h_i$"]
        assert letters(f"{role}-output") == ["$h_{i{+}1}$"]
    kinds = {
        OPERATIONS[side.operation].kind
        for _, cell in genotype.cells
        for block in cell.blocks
        for _, side in block.sides
    }
    # Nothing is left but the legend, and it explains the colours that occur.
    assert set(boxes) == {f"legend-{kind}" for kind in kinds}
    shown = [text.get_text() for text in axes.texts]
    assert {genotype.name, "Normal cell", "Reduction cell"} <= set(shown)


def test_operations_are_coloured_by_kind() -> None:
    genotype = catalogue.load("nasnet_a")
    for theme in (LIGHT, DARK):
        assert len({paint.fill for paint in theme.kinds.values()}) == len(theme.kinds)
        patches = {p.get_gid(): p for p in draw(genotype, theme).axes[0].patches}
        for role, cell in genotype.cells:
            for b, block in enumerate(cell.blocks):
                for name, side in block.sides:
                    paint = theme.kinds[OPERATIONS[side.operation].kind]
                    color = patches[f"{role}-block-{b}-{name}"].get_facecolor()
                    assert matplotlib.colors.to_hex(color) == paint.fill


@few
@hypothesis.given(random_genotypes(max_blocks=6))
def test_svg_has_an_arrow_for_each_read_and_each_joined_state(genotype: Genotype) -> None:
    groups = ElementTree.fromstring(drawing.svg(genotype)).iter(f"{SVG}g")
    ids = Counter(re.sub("^cell-[0-9a-f]+-", "", group.get("id", "")) for group in groups)
    expected = Counter(
        f"{role}-edge-{side.input}-block-{b}-{name}"
        for role, cell in genotype.cells
        for b, block in enumerate(cell.blocks)
        for name, side in block.sides
    )
    expected.update(f"{r}-edge-{s}-concat" for r, cell in genotype.cells for s in cell.concat)
    assert Counter({i: n for i, n in ids.items() if "-edge-" in i}) == expected


def test_an_input_that_nothing_reads_is_drawn_pale() -> None:
    cell = one_block(Side(1, "identity"), Side(1, "conv_3x3"))
    patches = {p.get_gid(): p for p in draw(Genotype("x", cell, cell), LIGHT).axes[0].patches}
    border = matplotlib.colors.to_hex(patches["normal-input-0"].get_edgecolor())
    assert border == LIGHT.muted
    assert "normal-state-0" not in patches
    assert "normal-state-1" in patches


# Where it is


def box_of_state(layout: CellLayout, state: int) -> Box:
    return layout.inputs[state] if state < 2 else layout.combines[state - 2]


def check_geometry(cell: Cell) -> None:
    """Boxes keep apart and inside, and every edge goes from its state to its reader."""
    layout = lay_out(cell)
    boxes = layout.boxes
    assert len(boxes) == 2 + 3 * len(cell.blocks) + (len(cell.concat) > 1) + 1
    x = np.array([box.x for box in boxes])
    y = np.array([box.y for box in boxes])
    width = np.array([box.width for box in boxes])
    height = np.array([box.height for box in boxes])
    assert (x - width / 2).min() >= 0 and (x + width / 2).max() <= layout.width
    assert (y - height / 2).min() >= 0 and (y + height / 2).max() <= layout.height
    apart_x = np.abs(x[:, None] - x) - (width[:, None] + width) / 2
    apart_y = np.abs(y[:, None] - y) - (height[:, None] + height) / 2
    distance = np.maximum(apart_x, apart_y)
    assert distance[np.triu_indices(len(boxes), 1)].min() > 3

    for edge in layout.edges:
        assert edge.points[0] == pytest.approx(box_of_state(layout, edge.state).top)
        end = edge.points[-1]
        if edge.block is not None and edge.side is not None:
            assert dict(cell.blocks[edge.block].sides)[edge.side].input == edge.state
            assert end == pytest.approx(layout.operations[edge.block, edge.side].bottom)
        else:
            target = layout.bar or layout.output
            assert end[1] == pytest.approx(target.bottom[1])
            assert abs(end[0] - target.x) < target.width / 2
    for b, block in enumerate(cell.blocks):
        for name, side in block.sides:
            # Everything is read upwards.
            assert layout.operations[b, name].bottom[1] > box_of_state(layout, side.input).top[1]


@many
@hypothesis.given(random_cells(max_blocks=10))
def test_boxes_keep_apart_and_edges_join_what_the_genotype_joins(cell: Cell) -> None:
    check_geometry(cell)


def points_of(path: matplotlib.path.Path) -> np.ndarray:
    """Points along a path of straight and cubic pieces, close together."""
    t = np.linspace(0, 1, 60)[:, None]
    points = []
    here = np.zeros(2)
    for values, code in path.iter_segments(curves=True, simplify=False):
        corners = values.reshape(-1, 2)
        if code == path.LINETO:
            points.append(here * (1 - t) + corners[0] * t)
        elif code == path.CURVE4:
            a, b, c = corners
            u = 1 - t
            points.append(u**3 * here + 3 * u**2 * t * a + 3 * u * t**2 * b + t**3 * c)
        here = corners[-1]
    return np.concatenate(points)


@few
@hypothesis.given(random_genotypes(max_blocks=10))
def test_no_line_that_is_drawn_runs_into_a_box(genotype: Genotype) -> None:
    (axes,) = draw(genotype, LIGHT).axes
    boxes = [p for p in axes.patches if isinstance(p, FancyBboxPatch)]
    low = np.array([(box.get_x(), box.get_y()) for box in boxes])
    high = low + np.array([(box.get_width(), box.get_height()) for box in boxes])
    lines = [p for p in axes.patches if re.search(r"-(state-\d+|line)$", p.get_gid() or "")]
    assert len(lines) >= 2 * sum(len(cell.blocks) for _, cell in genotype.cells)
    for line in lines:
        points = points_of(line.get_path())[:, None]
        inside = ((points > low + 0.05) & (points < high - 0.05)).all(axis=-1)
        assert not inside.any(), line.get_gid()


def crossings_seen(cell: Cell) -> int:
    """Pairs of lines between the same heights, of different states, that change sides."""
    steps = {
        (edge.state, *step)
        for edge in lay_out(cell).edges
        for step in itertools.pairwise(edge.points)
    }
    crossings = 0
    for (state, (a0, low), (a1, high)), (
        other,
        (b0, low_b),
        (b1, high_b),
    ) in itertools.combinations(sorted(steps), 2):
        if state != other and min(high, high_b) > max(low, low_b):
            crossings += (a0 - b0) * (a1 - b1) < 0
    return crossings


@few
@hypothesis.given(random_cells(max_blocks=3))
def test_few_blocks_are_drawn_with_the_fewest_crossings(cell: Cell) -> None:
    layers = Layers(cell)
    search = OrderSearch(layers)
    hypothesis.assume(len(search.items) <= 7)
    inputs = Item("input", 0), Item("input", 1)
    least = min(
        search.crossings(order)
        for order in itertools.permutations(search.items)
        if order.index(inputs[0]) < order.index(inputs[1])
    )
    assert search.crossings(search.best()) == least
    assert crossings_seen(cell) == least


def test_published_cells_hardly_cross() -> None:
    """By hand: NASNet-A's Normal cell needs one crossing, and PNASNet-5's cells need none."""
    assert crossings_seen(catalogue.load("nasnet_a").normal) == 1
    assert crossings_seen(catalogue.load("pnasnet_5").normal) == 0
    assert crossings_seen(catalogue.load("pnasnet_5").reduction) == 0


@pytest.mark.parametrize("cell", [chain(MAX_BLOCKS), parallel(MAX_BLOCKS)], ids=["deep", "wide"])
def test_the_largest_cells_keep_a_bounded_size(cell: Cell) -> None:
    check_geometry(cell)
    small = one_block(Side(0, "identity"), Side(1, "identity"))
    width, height = draw(Genotype("W" * 100, cell, small), LIGHT).get_size_inches()
    assert 1 < width <= MAX_INCHES
    assert 1 < height <= MAX_INCHES


# The files


@pytest.fixture(scope="module")
def nasnet() -> Genotype:
    return catalogue.load("nasnet_a")


def test_svg_is_self_contained_and_small(nasnet: Genotype) -> None:
    text = drawing.svg(nasnet)
    assert text.startswith("<svg ")
    assert len(text.encode()) < 150_000
    for outside in ("<style", "<script", "<image", "<!DOCTYPE", "url(http", 'href="http'):
        assert outside not in text
    ids = re.findall(r'\sid="([^"]*)"', text)
    assert set(re.findall(r'href="#([^"]*)"', text)) <= set(ids)


def test_drawings_on_one_page_share_no_id(nasnet: Genotype) -> None:
    other = dataclasses.replace(nasnet, name="other")
    swapped = dataclasses.replace(nasnet, normal=nasnet.reduction)
    page = [drawing.svg(nasnet), drawing.svg(nasnet, dark=True)]
    page += [drawing.svg(other), drawing.svg(swapped)]
    ids = Counter(i for text in page for i in re.findall(r'\sid="([^"]*)"', text))
    assert max(ids.values()) == 1


SCRIPT = """
import hashlib, sys
from cells import drawing
assert "numpy" not in sys.modules and "matplotlib" not in sys.modules
from cells.genotype import catalogue
genotype = catalogue.load("nasnet_a")
for path in sys.argv[1:]:
    drawing.save(genotype, path, dark=True)
    print(hashlib.sha256(open(path, "rb").read()).hexdigest())
assert "matplotlib.pyplot" not in sys.modules
"""


def test_same_bytes_in_another_process_and_under_other_settings(
    nasnet: Genotype, tmp_path: Path
) -> None:
    names = ["a.svg", "a.png", "a.pdf"]
    (tmp_path / "there").mkdir()
    there = subprocess.run(
        [sys.executable, "-c", SCRIPT, *(str(tmp_path / "there" / name) for name in names)],
        env={**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    loud = {"font.size": 30, "svg.fonttype": "none", "savefig.dpi": 10, "lines.linewidth": 9}
    with matplotlib.rc_context(loud):
        before = dict(matplotlib.rcParams)
        for name in names:
            drawing.save(nasnet, tmp_path / name, dark=True)
        assert dict(matplotlib.rcParams) == before
    here = [hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in names]
    assert here == there


def test_provenance_is_not_drawn(nasnet: Genotype) -> None:
    assert drawing.svg(dataclasses.replace(nasnet, provenance={"x": 1})) == drawing.svg(nasnet)


def test_png_has_the_size_of_the_svg_and_is_painted_to_its_edges(
    nasnet: Genotype, tmp_path: Path
) -> None:
    root = ElementTree.fromstring(drawing.svg(nasnet))
    points = [float(root.get(side, "").removesuffix("pt")) for side in ("width", "height")]
    for dark, theme in ((False, LIGHT), (True, DARK)):
        drawing.save(nasnet, tmp_path / "x.PNG", dark=dark)
        with open(tmp_path / "x.PNG", "rb") as file:
            pixels = matplotlib.image.imread(file, format="png")
        height, width, _ = pixels.shape
        assert [width, height] == [round(p / 72 * drawing.PNG_DPI) for p in points]
        edges = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        background = matplotlib.colors.to_rgba(theme.background)
        np.testing.assert_allclose(edges, np.broadcast_to(background, edges.shape), atol=0.003)
        # Something is drawn: lines, boxes and letters cover a part of the page.
        drawn = np.abs(pixels - background).max(axis=-1) > 0.05
        assert 0.05 < drawn.mean() < 0.5


def test_pdf_embeds_real_fonts_and_has_one_page(nasnet: Genotype, tmp_path: Path) -> None:
    drawing.save(nasnet, tmp_path / "x.pdf")
    data = (tmp_path / "x.pdf").read_bytes()
    assert data.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type /Page\b", data)) == 1
    assert b"/Type3" not in data
    assert b"CreationDate" not in data


def test_dark_differs_and_has_its_own_background(nasnet: Genotype) -> None:
    light, dark = drawing.svg(nasnet), drawing.svg(nasnet, dark=True)
    assert f"fill: {LIGHT.background}" in light and LIGHT.background != DARK.background
    assert f"fill: {DARK.background}" in dark and LIGHT.kinds["pool"].fill not in dark


@pytest.mark.parametrize("name", ["cell.jpg", "cell", "cell.svg.txt", "folder/cell.gif"])
def test_another_ending_is_refused(nasnet: Genotype, tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"\.svg, \.png or \.pdf"):
        drawing.save(nasnet, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", [".svg", ".png", ".pdf"])
def test_a_file_that_cannot_be_written_is_told_and_nothing_is_left(
    nasnet: Genotype, tmp_path: Path, ending: str
) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(UserError, match="cannot be written"):
        drawing.save(nasnet, tmp_path / "file" / f"cell{ending}")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize(
    "name",
    ["a--b -- c", "A" * 100, "x=(1,2)@3+_.", '<b>&"</title><script>alert(1)</script>', "$x_$"],
)
def test_a_name_is_shown_as_it_is_and_never_read_as_markup(name: str) -> None:
    cell = one_block(Side(0, "identity"), Side(1, "identity"))
    genotype = Genotype("placeholder", cell, cell)
    object.__setattr__(genotype, "name", name)  # some of these no genotype accepts
    text = drawing.svg(genotype)
    root = ElementTree.fromstring(text)
    assert root.findtext(f"{SVG}title") == f"{name}: Normal and Reduction cell"
    assert {element.tag.removeprefix(SVG) for element in root.iter()} == {
        *("svg", "g", "title", "path", "defs", "use")
    }
    shown = "".join(t.get_text() for t in draw(genotype, LIGHT).axes[0].texts[:9])
    assert name.replace(" ", "") in shown.replace(" ", "")


@few
@hypothesis.given(random_genotypes(max_blocks=5), st.booleans())
def test_every_genotype_of_published_size_is_small_xml(genotype: Genotype, dark: bool) -> None:
    text = drawing.svg(genotype, dark=dark)
    ElementTree.fromstring(text)
    assert len(text.encode()) < 150_000


def test_states_are_numbered_and_stride_2_is_marked_for_study(nasnet: Genotype) -> None:
    """Zoph et al. 2018, figure 4: seven operations of NASNet-A's Reduction cell read an input."""
    texts = [text.get_text() for text in draw(nasnet, LIGHT, annotated=True).axes[0].texts]
    plain = [text.get_text() for text in draw(nasnet, LIGHT).axes[0].texts]
    added = Counter(texts) - Counter(plain)
    assert added.pop("/2") == 7
    assert {text: count for text, count in added.items() if text.isdecimal()} == {
        str(state): 2 for state in range(7)
    }
