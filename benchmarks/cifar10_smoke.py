"""A short search on real CIFAR-10, and the winner trained on it for 200 steps.

Needs CELLS_DATA_DIR with `cifar10` prepared.
"""

from __future__ import annotations

import json
import pathlib
import tempfile

from benchmarks.commands import run
from benchmarks.data import data_dir
from benchmarks.report import at_least, at_most, exactly, print_figures
from benchmarks.searches import trials


def main() -> None:
    """Prints the figures."""
    data_dir()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        seconds = run(
            "cell-search",
            "--config_file=configs/search/cifar10_smoke.yaml",
            f"--search_dir={folder}/search",
        )
        run("cells", "validate", f"{folder}/search/genotype.json")
        run(
            "cell-transfer",
            "--mode=train_and_eval",
            "--config_file=configs/transfer/cifar10_smoke.yaml",
            f"--genotype={folder}/search/genotype.json",
            f"--model_dir={folder}/classifier",
        )
        found = trials(folder / "search")
        states = [t.state.name for t in found]
        rewards = [t.value for t in found if t.value is not None]
        losses = _losses(folder / "classifier")
        metrics = json.loads((folder / "classifier" / "evaluation.json").read_text())
    print_figures(
        [
            at_most("minutes of the search", round(seconds / 60, 2), 6),
            at_least("children", len(states), 8),
            exactly("failed children", states.count("FAIL"), 0),
            at_least("of the first 8 children above 0.15", sum(r > 0.15 for r in rewards[:8]), 6),
            at_most("loss after 200 steps, in parts of the first", _part(losses), 0.99),
            at_least("steps trained", metrics["step"], 200),
        ]
    )


def _losses(model_dir: pathlib.Path) -> list[float]:
    """The training loss of each summary that the trainer wrote, by step."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util import tensor_util

    events = EventAccumulator(str(model_dir / "train"))
    events.Reload()
    tag = next(t for t in events.Tags()["tensors"] if t.endswith("training_loss"))
    return [float(tensor_util.make_ndarray(e.tensor_proto)) for e in events.Tensors(tag)]


def _part(losses: list[float]) -> float:
    return round(losses[-1] / losses[0], 3)


if __name__ == "__main__":
    main()
