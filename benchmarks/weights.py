"""Imported weights against the logits of timm, at both image sizes of the oracle."""

from __future__ import annotations

import os
import pathlib
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from benchmarks.report import at_most, print_figures
from benchmarks.timm_oracle import difference_to_timm


def main() -> None:
    """Prints the largest difference, in parts of the largest logit."""
    figures = []
    with tempfile.TemporaryDirectory() as temporary:
        for model, genotype in (("nasnetalarge", "nasnet_a"), ("pnasnet5large", "pnasnet_5")):
            for size in (224, 331):
                found = difference_to_timm(model, genotype, size, pathlib.Path(temporary))
                figures.append(at_most(f"{model} at {size} pixels", found, 2e-4))
    print_figures(figures)


if __name__ == "__main__":
    main()
