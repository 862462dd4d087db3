"""Imported weights against the logits of timm, at both image sizes of the oracle."""

from __future__ import annotations

import os
import pathlib
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from benchmarks.report import print_figures, required
from benchmarks.timm_oracle import difference_to_timm

LIMITS = {"* at * pixels": ("<= 0.0002", 1.0, "weights in another order, about")}


def main() -> None:
    """Prints the largest difference, in parts of the largest logit."""
    figures = []
    with tempfile.TemporaryDirectory() as temporary:
        for model, genotype, sizes in (
            ("inception_v4", "inception_v4", (75, 299)),
            ("nasnetalarge", "nasnet_a", (224, 331)),
            ("pnasnet5large", "pnasnet_5", (224, 331)),
        ):
            for size in sizes:
                found = difference_to_timm(model, genotype, size, pathlib.Path(temporary))
                figures.append(required(LIMITS, f"{model} at {size} pixels", found))
    print_figures(figures)


if __name__ == "__main__":
    main()
