"""A short search on real CIFAR-10, and the winner trained on it for 200 steps.

Needs CELLS_DATA_DIR with `cifar10` prepared.
"""

from __future__ import annotations

import json
import pathlib
import tempfile

from benchmarks.commands import run
from benchmarks.data import data_dir
from benchmarks.report import print_figures, required
from benchmarks.searches import trials

LIMITS = {
    "minutes of the search": ("<= 6", 10, "children trained as Keras models, about"),
    "children": (">= 8", 1, "a search that ends with its first child"),
    "failed children": ("== 0", 8, "children that cannot be built"),
    "of the first 8 children above 0.15": (">= 6", 0, "untrained children, which have 0.1"),
    "loss after 200 steps, in parts of the first": ("<= 0.99", 1.0, "weights that do not move"),
    "steps trained": (">= 200", 0, "a training that does not begin"),
}


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
            required(LIMITS, "minutes of the search", round(seconds / 60, 2)),
            required(LIMITS, "children", len(states)),
            required(LIMITS, "failed children", states.count("FAIL")),
            required(
                LIMITS, "of the first 8 children above 0.15", sum(r > 0.15 for r in rewards[:8])
            ),
            required(LIMITS, "loss after 200 steps, in parts of the first", _part(losses)),
            required(LIMITS, "steps trained", metrics["step"]),
        ],
        seeds=[0],
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
