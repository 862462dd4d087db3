"""The race: all train for equally long, the worse half leaves, the others train on.

Successive halving (Jamieson & Talwalkar 2016) by processor time. Every rung is a training with an
end, before which the rate falls, so what is compared is what could be used; those that go on take
up from there, at the full rate, and nothing that the winner did is lost. Networks are scored on
images that are held out of the training; when the winner is known, it trains on with these, too.

The first in the line-up is the likeliest to win, and another takes its place only if it is better
by a standard error (the rule of Breiman et al. 1984, section 3.4.3): small networks are ahead early
in a training and not at its end.

How many steps there are in a rung follows from what a step of an entrant costs, which is looked at
once. Costs, steps and scores are recorded, and a run that goes on does what was recorded.
"""

from __future__ import annotations

import dataclasses
import math
import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from auto import entrants, pretrained
from auto.context import Run
from auto.entrants import Entrant
from auto.test_split import Divided
from cell_search import images as image_files
from cell_search.images import Images, ImageSettings
from cell_search.recipes.training import WholeTraining
from cells.support.errors import UserError, first_line
from cells.support.files import writing
from cells.support.signals import Interruption

#: The part of the time of race and training that all rungs take together.
SHARE = 0.15

#: The part of the same time in which the features of a pretrained network are to be had.
FEATURES = 0.05

#: Images that score: a fifth of those that train, at most so many.
SCORING, MOST_SCORING = 0.2, 2000

#: The part of the same time after which nobody else is looked at: on a busy machine a compiler
#: takes long, and a training of the likeliest winner is worth more.
LOOKING = 0.5

#: Bytes of images in memory; of a larger set a part trains.
MOST_BYTES = 4 * 2**30

#: Steps by which the cost of one is known, after those that compile; fewer where they are long.
WARM, PROBE, LONG = 3, 12, 1.0

#: A rung makes sense from so many steps on.
LEAST_STEPS = 50

#: What the record calls a race that is not over.
HEATS = "heats"

#: Seconds between two looks at the clock and for signals, and between two savings of a training.
LOOK, SAVE = 2.0, 30.0


class Cost(NamedTuple):
    """What a step of an entrant takes: seconds of the processor, and by the clock."""

    processor: float
    wall: float


def load(run: Run, divided: Divided, side: int = 0) -> Images:
    """The training images, of which some are held out to score.

    Args:
        run: what was asked for.
        divided: the images.
        side: height and width; by default those that were asked for.

    Raises:
        UserError: a class has so few images beside the others that none of them scores.
    """
    size = side or run.settings.size
    count = min(divided.training, MOST_BYTES // (3 * size * size))
    scoring = min(max(round(SCORING * count), len(divided.classes)), MOST_SCORING)
    images = image_files.load(
        ImageSettings(
            name=divided.folder,
            split="train",
            held_out=scoring,
            training=count - scoring,
            size=size,
            seed=run.settings.seed,
        )
    )
    for label in set(range(len(divided.classes))) - set(images.held_out[1].tolist()):
        raise UserError(
            f"--images: the class {divided.classes[label]!r} of {run.settings.images} has so few "
            "images beside the others that none of them would score the networks; add some, or "
            "remove the class"
        )
    return images


class Race:
    """The race of a run.

    Args:
        run: the run; its record says what was done before.
        divided: its images.

    Attributes:
        costs: of the entrants, by name.
    """

    def __init__(self, run: Run, divided: Divided):
        self._run, self._divided = run, divided
        with writing(run.folder):
            (run.folder / "race").mkdir(exist_ok=True)
        self._images: dict[int, Images] = {}
        self._trainings: dict[str, WholeTraining] = {}
        self._entrants: dict[str, Entrant] = {}
        self.costs: dict[str, Cost] = {}
        if "race" in run.results:
            self._know(run.results["race"])

    def _know(self, begun: dict[str, Any]) -> None:
        self._entrants = {e.name: e for e in (Entrant(*each) for each in begun["entrants"])}
        self.costs = {name: Cost(*cost) for name, cost in begun["costs"].items()}

    def images(self, entrant: Entrant) -> Images:
        """Those that train an entrant, and those that are held out."""
        side = entrant.side(self._run)
        if side not in self._images:
            self._images[side] = load(self._run, self._divided, side)
        return self._images[side]

    def training(self, entrant: Entrant) -> WholeTraining:
        """The training of an entrant, as far as it is."""
        if entrant.name not in self._trainings:
            run = self._run
            graph, config = entrant.layout(run, self._divided)
            recipe = entrants.recipe_of(run, self._divided, entrant)
            images = self.images(entrant).training
            training = WholeTraining(graph, config, recipe, images, run.settings.seed)
            if self.file(entrant).exists():
                training.restore(self.file(entrant))
            elif entrant.pretrained:
                self._begin(entrant, training)
            self._trainings[entrant.name] = training
        return self._trainings[entrant.name]

    def _begin(self, entrant: Entrant, training: WholeTraining) -> None:
        seconds = FEATURES * self._run.budget.left("training")
        check = self._run.interruptible.check
        count = pretrained.begin(training, entrant.cells, seconds, check)
        training.save(self.file(entrant))
        print(f"  {entrant.name}: begins with trained weights and a head for {count:,} images")

    def file(self, entrant: Entrant) -> pathlib.Path:
        """Where the training of an entrant is kept."""
        name = "".join(c if c.isalnum() else "_" for c in entrant.name)
        return self._run.folder / "race" / f"{name}.npz"

    def take(self) -> dict[str, Any]:
        """Has everybody run, or goes on with it.

        Returns:
            `winner`, its name; `entrants`; `failed`, with reasons; and the `rungs`.

        Raises:
            UserError: none of the networks can be trained on the images.
        """
        run = self._run
        begun = run.results.get(HEATS, {"failed": {}, "rungs": []})
        if "entrants" not in begun:
            self._line_up(begun)
        self._know(begun)
        alive = self._alive(begun)
        rungs = max(math.ceil(math.log2(len(self._entrants))), 1)
        for number in range(rungs):
            if len(alive) < 2:
                break
            if number == len(begun["rungs"]):
                steps = self._steps(alive, rungs - number)
                if not self._worth(alive, steps):
                    begun["short"] = True
                    run.record.keep(HEATS, begun)
                    break
                images = min(len(self.images(entrant).held_out[1]) for entrant in alive)
                begun["rungs"].append({"steps": steps, "images": images, "scores": {}})
                run.record.keep(HEATS, begun)
            self._rung(begun, begun["rungs"][number], alive)
            alive = self._alive(begun)
        return {**begun, "winner": alive[0].name}

    def _worth(self, alive: list[Entrant], steps: dict[str, int]) -> bool:
        """Whether a rung tells anything: trained weights do without any step."""
        scratch = [steps[entrant.name] for entrant in alive if not entrant.pretrained]
        return min(scratch, default=LEAST_STEPS) >= LEAST_STEPS

    def _alive(self, begun: dict[str, Any]) -> list[Entrant]:
        """Who still runs, the best first."""
        names = [name for name in self._entrants if name not in begun["failed"]]
        for rung in begun["rungs"]:
            scores = rung["scores"]
            if any(name not in scores for name in names):
                break
            names.sort(key=_order(next(iter(self._entrants)), scores, rung.get("images")))
            names = names[: -(-len(rung["steps"]) // 2)]
        if not names:
            told = "; ".join(f"{name}: {why}" for name, why in begun["failed"].items())
            raise UserError(
                f"--images: none of the networks could be trained ({told}); use another --size, or "
                "other images"
            )
        return [self._entrants[name] for name in names]

    def _line_up(self, begun: dict[str, Any]) -> None:
        """Decides who takes part at which size, by what a step costs each of them."""
        sized = [entrants.smallest(cells) for cells in entrants.known(self._run)]
        found = [Entrant(*each) for each in _found(self._run)]
        chosen: dict[Entrant, Cost] = {}
        failed: list[Entrant] = []
        reserved = (1.0 - LOOKING) * self._run.budget.left("training")
        for first in [*sized, *found]:
            try:
                if chosen and self._run.budget.left("training") < reserved:
                    raise UserError("left no time to look at it")
                entrant, cost = first, self._probe(first)
                entrant, cost = self._largest(first, cost)
                chosen[entrant] = cost
            except (UserError, FloatingPointError, MemoryError, tf.errors.OpError) as error:
                begun["failed"][first.name] = first_line(error)
                failed.append(first)
        begun["entrants"] = [dataclasses.astuple(e) for e in [*chosen, *failed]]
        begun["costs"] = {e.name: tuple(cost) for e, cost in chosen.items()}
        self._run.record.keep(HEATS, begun)

    def _largest(self, first: Entrant, cost: Cost) -> tuple[Entrant, Cost]:
        """The largest size that the time allows of a network, and what its steps cost."""
        seconds = (1.0 - SHARE) * self._run.budget.left("training")
        steps = entrants.EPOCHS * self.training(first).images.per_epoch
        wanted = entrants.largest(self._run, self._divided, first, cost.wall, seconds, steps)
        if wanted == first:
            return first, cost
        del self._trainings[first.name]
        return wanted, self._probe(wanted)

    def _probe(self, entrant: Entrant) -> Cost:
        """What a step costs, by the first steps of the training."""
        self._run.screen.now(f"{entrant.name}: waits for the compiler")
        training = self.training(entrant)
        self._run.interruptible.check()
        training.run(WARM - 1)
        cost = _timed(training, 1)
        cost = _timed(training, PROBE if cost.wall < LONG else 1)
        print(f"  {entrant.name}: a step takes {1000 * cost.processor:.0f} ms", flush=True)
        return cost

    def _steps(self, alive: list[Entrant], rungs: int) -> dict[str, int]:
        """The step at which each ends its next rung, if so many are left."""
        costs = [self.costs[entrant.name] for entrant in alive]
        # Seconds of the processor in a second, where several cores work.
        busy = sum(c.processor for c in costs) / sum(c.wall for c in costs)
        share = SHARE * busy * self._run.budget.left("training") / rungs / len(alive)
        return {
            entrant.name: self.training(entrant).steps + int(share / cost.processor)
            for entrant, cost in zip(alive, costs, strict=True)
        }

    def _rung(self, begun: dict[str, Any], rung: dict[str, Any], alive: list[Entrant]) -> None:
        for entrant in alive:
            name = entrant.name
            if name in rung["scores"]:
                continue
            try:
                training = self.training(entrant)
                training.plan(max(rung["steps"][name], training.steps))
                self.run(entrant, training)
                score = training.score(*self.images(entrant).held_out)
                rung["scores"][name] = [score.accuracy, score.loss]
                said = (
                    f"{score.accuracy:.1%} right of {len(self.images(entrant).held_out[1]):,} "
                    f"images that it was not trained on, after {training.steps:,} steps"
                )
            except (FloatingPointError, MemoryError, tf.errors.ResourceExhaustedError) as error:
                begun["failed"][name] = first_line(error)
                said = f"failed, {first_line(error)}"
                self._trainings.pop(name, None)
            print(f"  {name}: {said}", flush=True)
            self._run.record.keep(HEATS, begun)

    def run(self, entrant: Entrant, training: WholeTraining) -> None:
        """Trains to the planned end, and keeps the training."""
        path, keeper = self.file(entrant), Keeper(self._run)
        look = max(1, round(LOOK / self.costs[entrant.name].wall))
        while training.planned is None or training.steps < training.planned:
            training.run(look)
            self._run.screen.now(f"{entrant.name}: step {training.steps:,} of {training.planned:,}")
            keeper.look(training, path)
        training.save(path)

    def winner(self, name: str) -> tuple[Entrant, WholeTraining]:
        """Who won, with the training of the others forgotten."""
        entrant = self._entrants[name]
        training = self.training(entrant)
        self._trainings = {name: training}
        return entrant, training

    def best_cells(self, begun: dict[str, Any]) -> str:
        """The cells that went furthest: the winner's, or the best that others have.

        Args:
            begun: what `take` gave.
        """
        order = list(self._entrants)
        for rung in begun["rungs"]:
            scores = rung["scores"]
            order.sort(key=lambda n: (n not in scores, -scores[n][0] if n in scores else 0.0))
        cells = [self._entrants[name].cells for name in order if name not in begun["failed"]]
        return next((name for name in cells if name != entrants.RESIDUAL), entrants.CELLS[0])

    def everything(self, entrant: Entrant) -> tuple[np.ndarray, np.ndarray]:
        """All training images, also those that were held out, in a fixed order."""
        images = self.images(entrant)
        parts = zip(images.training, images.held_out, strict=True)
        pixels, labels = (np.concatenate(pair) for pair in parts)
        return pixels, labels


class Keeper:
    """Saves a training from time to time, and when a signal came.

    Args:
        run: whose signals are listened for.
    """

    def __init__(self, run: Run):
        self._run, self._saved = run, time.monotonic()

    def look(self, training: WholeTraining, path: pathlib.Path) -> None:
        """Saves the training if it is time.

        Raises:
            Interruption: a signal came; what was done is saved.
        """
        try:
            self._run.interruptible.check()
        except Interruption:
            training.save(path)
            raise
        if time.monotonic() - self._saved >= SAVE:
            training.save(path)
            self._saved = time.monotonic()


def _order(
    first: str, scores: dict[str, Sequence[float]], images: int | None
) -> Callable[[str], tuple[float, bool, float]]:
    """By which key the best comes first.

    Args:
        first: who has a standard error of the difference ahead.
        scores: accuracy and loss by name.
        images: by how many; None in records from before there was such a lead.

    Example:
        >>> sorted(["a", "b"], key=_order("a", {"a": (0.60, 1.1), "b": (0.62, 1.0)}, 1000))
        ['a', 'b']
        >>> sorted(["a", "b"], key=_order("a", {"a": (0.60, 1.1), "b": (0.63, 1.0)}, 1000))
        ['b', 'a']
    """
    best = max((n for n in scores if n != first), key=lambda n: scores[n][0], default=first)
    lead = 0.0
    if images and first in scores:
        lead = math.sqrt(sum(scores[n][0] * (1.0 - scores[n][0]) for n in (first, best)) / images)
    # Of equals, too, the first is taken.
    return lambda name: (
        -scores[name][0] - lead * (name == first),
        bool(images) and name != first,
        scores[name][1],
    )


def _found(run: Run) -> list[Any]:
    """The entrants that a search of the run found."""
    return run.results.get("search", {}).get("entrants", [])


def _timed(training: WholeTraining, steps: int) -> Cost:
    began, clock = time.process_time(), time.monotonic()
    training.run(steps)
    training.child.trained.numpy()  # The processor is waited for.
    return Cost((time.process_time() - began) / steps, (time.monotonic() - clock) / steps)
