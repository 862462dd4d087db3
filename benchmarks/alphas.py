"""A picture of the alphas of a relaxed network: what each operation weighs on each edge."""

from __future__ import annotations

import pathlib

import numpy as np

from cell_search.space.relaxed import RelaxedSpace, softmax


def draw(relaxed: RelaxedSpace, alphas: np.ndarray, title: str, path: pathlib.Path) -> None:
    """Writes it: cell by cell, an edge a row, an operation a column; the edges and operations that
    the cells keep have a frame.

    Args:
        relaxed: the space.
        alphas: `(cells, edges, operations)`.
        title: above it.
        path: its ending says in which format.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    mixture = softmax(alphas)
    kept = relaxed.one_hot(relaxed.prescribed(alphas))
    rows = [
        f"block {b} of {'h i-1' if s == 0 else 'h i' if s == 1 else f'block {s - 2}'}"
        for b, s in relaxed.edges
    ]
    figure = Figure(figsize=(10, 1.6 + 0.28 * len(rows)), layout="constrained")
    figure.suptitle(title)
    axes = figure.subplots(1, len(mixture), sharey=True, squeeze=False)[0]
    for axis, name, of_cell, chosen in zip(
        axes, relaxed.space.rules.cells, mixture, kept, strict=True
    ):
        shown = axis.imshow(of_cell, cmap="Blues", vmin=0.0, vmax=mixture.max(), aspect="auto")
        axis.set_title(name)
        axis.set_xticks(range(len(relaxed.operations)), relaxed.operations, rotation=40, ha="right")
        axis.set_yticks(range(len(rows)), rows)
        for row, column in np.argwhere(chosen):
            place = column - 0.5, row - 0.5
            axis.add_patch(Rectangle(place, 1, 1, fill=False, edgecolor="tab:red", linewidth=2))
    figure.colorbar(shown, ax=list(axes), label="weight in the mixture")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
