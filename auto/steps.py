"""The steps, one after the other: what each does is done by the other stages.

A step that is over is not done again; one that was stopped, even killed, goes on where it was.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import shutil
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from auto import plan
from auto.budget import Budget, more
from auto.images import Divided
from auto.pace import Pace
from auto.settings import Record
from cell_search.directory import SearchDirectory
from cell_search.interruption import Interruptible
from cell_search.progress import duration
from cells import catalogue, genotype_file
from cells.datasets.image_folders import ImageFolder
from cells.files import write_atomically

#: Children that a search has, and candidates that are trained again, at least.
LEAST_CHILDREN, LEAST_AGAIN = 2, 2

#: Candidates that are trained again, at most.
MOST_AGAIN = 10

#: Seconds of a training between two looks at the clock.
_LOOP_SECONDS = 2.0

#: By such shares of the budget the training may miss its end; beyond, it gets another one.
_LATE, _EARLY = 0.02, 0.05

FORMATS = ("keras", "tflite")


class Steps:
    """All steps of one run.

    Args:
        folder: of the run.
        images: what the folder of images holds.
        record: of the run.
        budget: of the run.
        directory: of the search, locked by the caller.
        interruptible: listens for Ctrl-C and SIGTERM.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        images: ImageFolder,
        record: Record,
        budget: Budget,
        directory: SearchDirectory,
        interruptible: Interruptible,
    ):
        self.folder, self.record, self.budget = folder, record, budget
        self._images, self._directory, self._interruptible = images, directory, interruptible
        self.settings = record.settings
        self.model_dir, self.exported = folder / "training", folder / "exported"

    def run(self) -> dict[str, Any]:
        """Takes all steps; gives the results of each by its name."""
        divided = Divided(**self._step("images", self._divide))
        if self.settings.genotype:
            cells = catalogue.find(self.settings.genotype)
            genotype_file.write(cells, self.folder / "genotype.json")
        else:
            self._step("search", lambda: self._search(divided))
            self._step("rerank", lambda: self._rerank(divided))
        self._step("training", lambda: self._train(divided))
        self._step("test", self._test)
        self._step("export", self._export)
        return self.record.results

    def _step(self, name: str, take: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        if name not in self.record.results:
            gone = sum(self.budget.spent.values())
            print(f"{name}: {duration(gone)} of {duration(self.budget.total)} are over", flush=True)
            with self.budget.during(name):
                result = take()
            # As a later run reads it.
            self.record.keep(name, json.loads(json.dumps(result)))
        return self.record.results[name]

    def _divide(self) -> dict[str, Any]:
        from auto import images

        with self._interruptible.block():
            found = images.divide(self._images, self.folder / "data", self.settings.seed)
            return dataclasses.asdict(found)

    def _search(self, divided: Divided) -> dict[str, Any]:
        from cell_search import driver, trials

        def finished() -> int:
            return sum(t.state.is_finished() for t in self._trials())

        # What the sieve keeps are trials of the search.
        least = max(self._values(divided)["sieve"]["keep"], LEAST_CHILDREN)
        wanted = max(len(self._trials()), least)
        while True:
            search = self._resolved(divided, trials=wanted)
            with self._interruptible.block():
                search.check()
            driver.search(self._directory, search, self._interruptible)
            done = finished()
            spent, left = self.budget.spent["search"], self.budget.left("search")
            wanted = more(done, least, spent, left)
            if wanted == done:
                break
        trained = [t for t in self._trials() if t.value is not None]
        best = trials.best(trained, search.space, 1)[0]
        batch = search.evaluator.batch
        return {
            "trials": done,
            "failed": done - len(trained),
            "sieved": search.config.sieve.candidates,
            "accuracy": best.value,
            "winner": best.number,
            # Of those that found most of what they need compiled already.
            "pace": min(
                _pace(t.user_attrs[trials.METRICS], trials.seconds(t), batch) for t in trained
            ),
        }

    def _rerank(self, divided: Divided) -> dict[str, Any]:
        from cell_search import rerank, trials

        search = self._resolved(divided, trials=len(self._trials()))
        known = [t for t in self._trials() if t.value is not None]
        most = min(len(trials.best(known, search.space, MOST_AGAIN)), MOST_AGAIN)
        if most < 2:
            return {"candidates": 0, "why": "there is one candidate only"}
        # Until one was trained again, by how much longer it takes is what its epochs say.
        guess = plan.LONGER * statistics.median(map(trials.seconds, known))
        if not self._again() and LEAST_AGAIN * guess > self.budget.left("rerank"):
            return {"candidates": 0, "why": "not even two candidates can be trained again in time"}
        wanted = LEAST_AGAIN
        while True:
            search.config.rerank.top_k = max(wanted, self._again())
            self._store(search.config)
            rerank.rerank(self._directory, search, rerank.final(search), self._interruptible)
            done = self._again()
            spent, left = self.budget.spent["rerank"], self.budget.left("rerank")
            wanted = min(more(done, LEAST_AGAIN, spent, left), most)
            if wanted <= done:
                break
        again = json.loads((self._directory.path / "rerank.json").read_text(encoding="utf-8"))
        first = again["candidates"][0]
        return {"candidates": done, "accuracy": first["mean"], "winner": first["trial"]}

    def _again(self) -> int:
        """How many candidates were trained again."""
        path = self._directory.path / "rerank.json"
        return len(json.loads(path.read_text())["candidates"]) if path.exists() else 0

    def _values(self, divided: Divided) -> dict[str, Any]:
        asked = self.settings
        return plan.search_values(
            divided, total=asked.budget, size=asked.size, flip=asked.flip, seed=asked.seed
        )

    def _resolved(self, divided: Divided, *, trials: int) -> Any:
        """The search, with its settings stored in its directory."""
        import cells.config
        from cell_search import config

        wanted = config.SearchConfig()
        cells.config.apply(wanted, {**self._values(divided), "trials": trials}, "the plan")
        self._store(wanted)
        return config.resolve(wanted)

    def _store(self, wanted: Any) -> None:
        from cell_search import config

        self._directory.store_config(config.used_values(wanted))

    def _trials(self) -> list[Any]:
        if not self._directory.config.exists() or not self._directory.has_trials():
            return []
        return self._directory.open_study(pause=self._interruptible.sleep).get_trials(
            deepcopy=False
        )

    def genotype(self) -> pathlib.Path:
        """The file of the cells that are trained."""
        folder = self.folder if self.settings.genotype else self._directory.path
        return folder / "genotype.json"

    def _train(self, divided: Divided) -> dict[str, Any]:
        import tf_keras

        from transfer import configure, runner

        batch = plan.batch_of(divided)
        if "plan" not in self.record.results:
            pace = self.record.results.get("search", {}).get("pace")
            self._plan(divided, plan.NETWORKS[0], 0, pace or plan.PACE, 0.0)
        while True:
            network, steps, loop = self.record.results["plan"]
            values = plan.training_values(
                divided,
                str(self.genotype()),
                tuple(network),
                size=self.settings.size,
                flip=self.settings.flip,
                seed=self.settings.seed,
                steps=steps,
                loop=loop,
            )
            params = configure.configure(configure.experiment(), override=json.dumps(values))
            seen = Pace(
                lambda: self.budget.left("training"),
                steps,
                late=_LATE * self.budget.total,
                early=_EARLY * self.budget.total,
            )
            runner.run(params, "train", str(self.model_dir), enough=seen.enough)
            tf_keras.backend.clear_session()
            if not seen.step or seen.step >= steps:
                break
            pace = seen.seconds / (batch * self._work(divided, network))
            self._plan(divided, tuple(network), seen.step, pace, seen.startup)
        normal_cells, filters = network
        return {
            "steps": steps,
            "batch": batch,
            "epochs": steps * batch / divided.training,
            "normal_cells": normal_cells,
            "filters": filters,
        }

    def _plan(
        self, divided: Divided, network: tuple[int, int], step: int, pace: float, startup: float
    ) -> None:
        """Decides on the network, the steps of its training and those of a loop.

        A larger network than before begins anew.

        Args:
            divided: the images.
            network: N and F so far.
            step: of its training so far.
            pace: seconds of a multiply-add in training.
            startup: seconds that building takes.
        """
        cells = genotype_file.read(self.genotype())
        left = max(self.budget.left("training") - startup, 0.0)
        larger = plan.network_of(cells, divided, size=self.settings.size, seconds=left, pace=pace)
        if plan.NETWORKS.index(larger) > plan.NETWORKS.index(network):
            shutil.rmtree(self.model_dir, ignore_errors=True)
            network, step = larger, 0
        seconds = pace * plan.batch_of(divided) * self._work(divided, network)
        # Whatever has become of the time, there is a training.
        least = max(-(-divided.training // plan.batch_of(divided)), plan.LEAST_STEPS)
        steps = max(step + int(left / seconds), least, step + 1)
        self.record.keep("plan", [network, steps, max(1, round(_LOOP_SECONDS / seconds))])

    def _work(self, divided: Divided, network: Sequence[int]) -> int:
        """Multiply-adds of an image."""
        cells = genotype_file.read(self.genotype())
        return plan.multiply_adds(cells, self.settings.size, len(divided.classes), *network)

    def _test(self) -> dict[str, Any]:
        from transfer import evaluation, model_dir

        with self._interruptible.block():
            params = model_dir.read_params(str(self.model_dir))
            found = evaluation.evaluate(params, str(self.model_dir))
            evaluation.draw(found, str(self.model_dir / "evaluation.png"))
            result = {**found.metrics(), "by_class": found.by_class()}
            text = json.dumps(result, indent=2, ensure_ascii=False) + "\n"
            write_atomically(self.model_dir / "evaluation.json", text.encode())
        return result

    def _export(self) -> dict[str, Any]:
        from transfer.export import export

        with self._interruptible.block():
            return export(str(self.model_dir), str(self.exported), kinds=FORMATS)


def _pace(metrics: Mapping[str, float], seconds: float, batch: int) -> float:
    """Seconds of a multiply-add in training, by a child."""
    return seconds / (metrics["steps"] * batch * metrics["multiply_adds"])
