"""Imported weights against the logits of timm, at both image sizes of the oracle."""

from __future__ import annotations

import pathlib
import sys
import tempfile

from benchmarks.report import at_most, print_figures

TESTS = pathlib.Path(__file__).parents[1] / "tests" / "cells"


def main() -> None:
    """Prints the largest difference, in parts of the largest logit."""
    # The rule by which the oracle's weights and images are made has one definition, in the tests.
    sys.path.insert(0, str(TESTS))
    from test_weight_sources import difference_to_timm

    figures = []
    with tempfile.TemporaryDirectory() as temporary:
        for model, genotype in (("nasnetalarge", "nasnet_a"), ("pnasnet5large", "pnasnet_5")):
            for size in (224, 331):
                found = difference_to_timm(model, genotype, size, pathlib.Path(temporary))
                figures.append(at_most(f"{model} at {size} pixels", found, 2e-4))
    print_figures(figures)


if __name__ == "__main__":
    main()
