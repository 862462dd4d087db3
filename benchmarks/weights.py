"""Imported weights against the logits of timm, at both image sizes of the oracle."""

from __future__ import annotations

import os
import pathlib
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from benchmarks.report import print_figures, required
from benchmarks.timm_oracle import difference_of_whole_network, difference_to_timm

LIMITS = {"* at * pixels": ("<= 0.0002", 1.0, "weights in another order, about")}


def main() -> None:
    """Prints the largest difference, in parts of the largest logit."""
    figures = []
    with tempfile.TemporaryDirectory() as temporary:
        for size in (75, 299):
            found = difference_of_whole_network("inception_v4", size)
            figures.append(required(LIMITS, f"inception_v4 at {size} pixels", found))
        for model, genotype in (("nasnetalarge", "nasnet_a"), ("pnasnet5large", "pnasnet_5")):
            for size in (224, 331):
                found = difference_to_timm(model, genotype, size, pathlib.Path(temporary))
                figures.append(required(LIMITS, f"{model} at {size} pixels", found))
    print_figures(figures)


if __name__ == "__main__":
    main()
