"""From a folder of images to a classifier: what `cells auto` and Python users call."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

from auto import budget as budgets
from auto import test_split
from auto.record import FILE, PRECISIONS, Settings, opened
from cell_search.costs.machine import VARIABLE
from cell_search.recipes.recipe import BALANCES
from cells.checks import stages
from cells.checks.arguments import checked
from cells.genotype import catalogue
from cells.genotype.genotype import Genotype
from cells.support import command_line
from cells.support.errors import Stopped, UserError, require_known
from cells.support.files import FilePath, expanded, writing

#: Who may take part in the race.
ENTRANTS = ("all", "cells")


@dataclass(frozen=True)
class AutoResult:
    """What came of a run.

    Attributes:
        accuracy: in 0..1, on test images that no step before saw.
        images: how many these are.
        seconds: that were spent, of all calls with this folder.
        budget: seconds that there were.
        network: what was trained, such as `nasnet_a (N = 1, F = 16)`.
        genotype: the file of its cells; where the residual network won, of the best cells.
        model_dir: the folder of the training, for `transfer.predict`.
        exported: the folder of the classifier's files: `.keras`, `.tflite` and what they take.
        report: the HTML page that tells all this.
        data: its numbers as JSON.

    Example:
        >>> result = auto.run("photos", "mine", budget="30s", genotype="snas_mild")
        >>> sorted(path.suffix for path in result.exported.iterdir() if path.suffix != ".txt")
        ['.json', '.keras', '.tflite']
    """

    accuracy: float
    images: int
    seconds: float
    budget: float
    network: str
    genotype: Path
    model_dir: Path
    exported: Path
    report: Path
    data: Path


@checked
def run(
    images: FilePath,
    output: FilePath,
    *,
    budget: str = "30m",
    genotype: FilePath | None = None,
    search: float | None = None,
    entrants: str = "all",
    size: int = 32,
    flip: bool = False,
    balance: str = "none",
    weights: FilePath | None = None,
    shipped_weights: bool = True,
    precision: str = "auto",
    seed: int = 0,
) -> AutoResult:
    """Makes a classifier of a folder of images, with the network that suits them; or goes on.

    Args:
        images: folder of images as CLASS/* or SPLIT/CLASS/*.
        output: folder of everything that is written; made where it is missing. The same call goes
            on with what was stopped there.
        budget: time for all, such as `30m`, `2h` or `1h30m`.
        genotype: cells to train, a name of the catalogue or a file; by default several networks
            race, and the best is trained on.
        search: share of the time that searches cells for the race, from 0 to below 1; by default
            three tenths of what lies beyond ten minutes. At least two minutes where costs have to
            be measured, and two and a half must be left.
        entrants: who takes part in the race: `all`, or `cells` to leave the residual network out.
        size: height and width in pixels to which images are brought, 16 to 1,024.
        flip: whether images may be mirrored in training, and are at prediction.
        balance: what unequal classes are met with: `weights` of the loss, `sampling` of equally
            many images of each, or `none`.
        weights: a weights file (`.safetensors`) of `cells import-weights` or of an export, whose
            network takes part in the race, at the size of images that it wants; with `genotype`,
            it alone.
        shipped_weights: whether small networks that were trained on CIFAR-10 and come with the
            package take part, where images are small.
        precision: of convolutions in race and training: `float32`, `bfloat16`, or `auto`, which
            takes what is faster on this processor.
        seed: of everything random, at least 0.

    Returns:
        The accuracy, and where everything lies.

    Raises:
        UserError: bad input; before anything is computed where it can be known.
        Stopped: by SIGTERM or Ctrl-C.

    Example:
        >>> result = auto.run("photos", "mine", budget="30s", genotype="snas_mild")
        >>> result.images, result.exported.name
        (12, 'exported')
    """
    began = time.monotonic()
    total = budgets.seconds_of(budget)
    if not 16 <= size <= 1024:
        raise UserError(f"--size: {size} is out of range; give 16 to 1024 pixels")
    if seed < 0:
        raise UserError(f"--seed: {seed} is negative; use 0 or more")
    found = test_split.find(os.fspath(images))
    cells = os.fspath(genotype or "")
    if cells:
        catalogue.find(cells)
    if cells.endswith(".json"):
        cells = str(expanded(cells).absolute())
    given = _weights(weights, cells)
    if search is None:
        search = 0.0 if cells else budgets.search_of(total)
    if not 0.0 <= search < 1.0:
        raise UserError(f"--search: {search} is not a share of the budget; give 0 to 0.9")
    if search and cells:
        raise UserError("--search: cells that are given are not searched; leave out --genotype")
    for flag, value, choices in (
        ("entrants", entrants, ENTRANTS),
        ("balance", balance, BALANCES),
        ("precision", precision, PRECISIONS),
    ):
        require_known(f"--{flag}", value, choices)
    folder = expanded(output).absolute()
    stages.require_own("output", folder, stages.AUTO)
    if search and not (folder / FILE).exists():
        measures = True
        if os.environ.get(VARIABLE):
            from auto import search_costs

            measures = search_costs.measures()
        budgets.require_search(total, search, measures)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    settings = Settings(
        images=str(found.root.absolute()),
        fingerprint=found.fingerprint,
        budget=total,
        genotype=cells,
        search=search,
        size=size,
        flip=flip,
        seed=seed,
        entrants=entrants,
        balance=balance,
        weights=given,
        weights_digest=hashlib.sha256(Path(given).read_bytes()).hexdigest() if given else "",
        shipped_weights=shipped_weights,
        precision=precision,
    )
    record = opened(folder, settings)
    command_line.begin(f"{found.root}: {len(found.files):,} images of {len(found.classes)} classes")

    from auto import report, steps
    from auto.context import Run
    from cell_search.study.directory import SearchDirectory
    from cells.support.signals import Interruptible, Interruption

    clock = budgets.Budget(total, folder / "seconds.json", search, began)
    directory = SearchDirectory(folder / "search")
    try:
        with directory.locked(), Interruptible().listening() as interruptible:
            whole = Run(folder, found, record, clock, directory, interruptible)
            results = steps.take(whole)
    except Interruption as stop:
        raise Stopped(stop.signum, f"in {folder}; what is finished is kept") from None
    page, data = report.write(folder, settings, results, clock, whole.genotype)
    return AutoResult(
        accuracy=results["test"]["accuracy"],
        images=results["test"]["images"],
        seconds=sum(clock.spent.values()),
        budget=total,
        network=results["training"]["network"],
        genotype=whole.genotype,
        model_dir=whole.model_dir,
        exported=whole.exported,
        report=Path(page),
        data=Path(data),
    )


def _weights(weights: FilePath | None, cells: str) -> str:
    """The file of the weights, absolute, once it is known to be one; "" where there is none."""
    if weights is None:
        return ""
    from cells.weights import weights_file

    path = expanded(weights).absolute()
    if path.suffix != weights_file.ENDING:
        raise UserError(
            f"--weights: {weights} does not end in {weights_file.ENDING}; `cells import-weights` "
            "makes such a file of others"
        )
    own = weights_file.read(path).genotype
    if not isinstance(own, Genotype):
        raise UserError(
            f"--weights: {weights} holds weights of a {own.title}, and auto races networks of "
            "cells; train that one by cell-transfer"
        )
    if cells and catalogue.find(cells).cells != own.cells:
        raise UserError(
            f"--weights: {weights} holds weights of other cells ({own.name}) than --genotype; "
            "leave out one of the two"
        )
    return str(path)
