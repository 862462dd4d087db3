"""The plot of a comparison of strategies."""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.table_searches import Contender


def plot(args: argparse.Namespace, results: dict[Contender, np.ndarray]) -> list[str]:
    """Draws the curves, with bands of two standard errors, as PNG and SVG.

    Returns:
        The paths.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from cells.support.files import atomic_path

    titles = ("best validation accuracy seen", "test accuracy of the cell with it")
    panels = 1 if args.table == "nb301" else 2
    fig, axes = plt.subplots(1, panels, figsize=(5.4 * panels, 4.2), squeeze=False)
    for i, axis in enumerate(axes[0]):
        lowest = []
        for contender, curves in results.items():
            mean = curves[i].mean(axis=0)
            error = 2 * curves[i].std(axis=0, ddof=min(1, args.seeds - 1)) / args.seeds**0.5
            x = np.arange(1, len(mean) + 1)
            (line,) = axis.plot(x, mean, label=contender.text, linewidth=1.6)
            axis.fill_between(x, mean - error, mean + error, color=line.get_color(), alpha=0.18)
            lowest.append(mean[min(len(mean) - 1, len(mean) // 10)])
        highest = axis.get_ylim()[1]
        axis.set_ylim(min(lowest) - 0.02 * (highest - min(lowest)), highest)
        axis.set_title(titles[i] if panels == 2 else "predicted accuracy of the best", fontsize=11)
        axis.set_xlabel("queries")
        axis.set_ylabel("%")
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0][0].legend(frameon=False, fontsize=9)
    name = "-".join(filter(None, (args.table, args.dataset)))
    fig.suptitle(f"{name}: mean of {args.seeds} seeds, band of 2 standard errors", fontsize=11)
    fig.tight_layout()
    paths = [args.output / f"{name}.{ending}" for ending in ("png", "svg")]
    for path in paths:
        with atomic_path(path) as temporary:
            fig.savefig(temporary, dpi=150)
    plt.close(fig)
    return [str(path) for path in paths]
