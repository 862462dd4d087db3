"""TensorBoard reads what a search writes; the panel of a terminal shows how far it is."""

from __future__ import annotations

import dataclasses
import io
import pathlib

import numpy as np
import pytest
import shuffled
from optuna.trial import FrozenTrial, TrialState, create_trial
from PIL import Image
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata, plugin_data_pb2

from cell_search.config import resolve, schema
from cell_search.output import progress, tensorboard_logs
from cell_search.output.panel import Panel
from cell_search.output.progress import Progress
from cell_search.output.tensorboard_logs import Boards
from cell_search.study.directory import SearchDirectory
from cell_search.study.objectives import Objective


def _events(folder: pathlib.Path) -> EventAccumulator:
    return EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0}).Reload()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A search of 14 trials, two of which fail, that was stopped once."""
    folder = tmp_path_factory.mktemp("boards")
    for count in (6, 14):
        settings = {
            "trials": count,
            "strategy": {"type": "random"},
            "objectives": ["weight", "cost"],
        }
        shuffled.run(folder, shuffled.shuffled(settings))
    return folder


@pytest.fixture(scope="module")
def known(path: pathlib.Path) -> list[FrozenTrial]:
    return SearchDirectory(path).read_study().get_trials(deepcopy=False)


def test_curves_are_the_values_of_the_trials(path: pathlib.Path, known: list[FrozenTrial]) -> None:
    events = _events(path / "tensorboard")
    done = [t for t in known if t.state == TrialState.COMPLETE]
    rewards = {e.step: e.value for e in events.Scalars("reward")}
    assert rewards == pytest.approx({t.number: t.values[0] for t in done})
    costs = {e.step: e.value for e in events.Scalars("cost")}
    assert costs == pytest.approx({t.number: t.values[1] for t in done})
    assert len(events.Scalars("seconds")) == 14
    finished = sorted(known, key=lambda t: t.user_attrs["finished"])
    best = np.fmax.accumulate([t.values[0] if t.values else np.nan for t in finished])
    shown = [e.value for e in events.Scalars("best reward")]
    assert shown == pytest.approx(best[~np.isnan(best)])


def test_decisions_are_hyper_parameters(path: pathlib.Path, known: list[FrozenTrial]) -> None:
    def content(folder: pathlib.Path, tag: str) -> plugin_data_pb2.HParamsPluginData:
        summary = _events(folder).SummaryMetadata(tag)
        assert summary.plugin_data.plugin_name == metadata.PLUGIN_NAME
        return plugin_data_pb2.HParamsPluginData.FromString(summary.plugin_data.content)

    experiment = content(path / "tensorboard", metadata.EXPERIMENT_TAG).experiment
    assert [h.name for h in experiment.hparam_infos] == [
        "op01", "op02", "op12", "op03", "op13", "op23"
    ]  # fmt: skip
    assert experiment.metric_infos[0].name.tag == "reward"
    folders = sorted((path / "tensorboard" / "trials").iterdir())
    done = [t for t in known if t.state == TrialState.COMPLETE]
    assert [int(folder.name) for folder in folders] == [t.number for t in done]
    for folder, trial in list(zip(folders, done, strict=True))[::5]:
        start = content(folder, metadata.SESSION_START_INFO_TAG).session_start_info
        assert {k: v.string_value for k, v in start.hparams.items()} == trial.params
        assert _events(folder).Scalars("reward")[0].value == pytest.approx(trial.values[0])


def _scored(number: int, value: float | None, point: dict, space: object) -> FrozenTrial:
    trial = create_trial(
        state=TrialState.FAIL if value is None else TrialState.COMPLETE,
        value=value,
        params=point,
        distributions=space.distributions,
    )
    trial.number = number
    return trial


def test_the_best_cells_are_pictures_and_only_bests_have_folders_late_in_a_search(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensorboard_logs, "FOLDERS", 2)
    values = {"space": {"blocks": 1}, "evaluator": {"type": "parameters"}}
    search = resolve.resolve(schema.from_values(values, "test"))
    rng = np.random.default_rng(0)
    written = Boards(tmp_path, search)
    best = None
    for number, value in enumerate([1.0, 3.0, 2.0, None, 5.0, 4.0]):
        trial = _scored(number, value, search.space.random(rng), search.space)
        if value is not None and (best is None or value > best.value):
            best = trial
        written.finished(trial, best)
        if number == 1:
            written.picture()
            written.picture()
    written.close()
    pictures = _events(tmp_path).Images("best cell")
    assert [p.step for p in pictures] == [1, 4], "drawn once each, when it was asked for"
    with Image.open(io.BytesIO(pictures[-1].encoded_image_string)) as image:
        assert image.size == (pictures[-1].width, pictures[-1].height)
        assert len(image.convert("L").getcolors()) > 20
    assert sorted(p.name for p in (tmp_path / "trials").iterdir()) == ["000000", "000001", "000004"]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_panel_counts_and_the_lines_above_it_tell_what_is_new(
    known: list[FrozenTrial], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(np.arange(0.0, 1e4, 30.0))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    terminal = _Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")
    objectives = (Objective("weight", True), Objective("cost", True))
    seen = Progress(20, known[:4], objectives)
    with seen:
        seen.running = 3 + len(known[4:])
        for trial in known[4:]:
            seen.finished(trial)
        box = Console(file=io.StringIO(), width=90, record=True)
        box.print(Panel(seen).render())
    text = box.export_text()
    best = max(known, key=lambda t: t.values[0] if t.values else -np.inf)
    assert "14 of 20 trials" in text
    assert "3 running   2 failed   0 pruned" in text
    # A result every 30 seconds, six to come.
    assert "2.0 trials a minute   3 min 0 s left" in text
    assert f"best weight {best.values[0]:.4f} (trial {best.number})" in text
    above = terminal.getvalue()
    for trial in known[4:]:
        new = trial.values is None or trial.values[0] > max(
            t.values[0] for t in known[: trial.number] if t.values
        )
        assert (f"trial {trial.number}  " in above) == new, trial.number


def test_the_time_left_does_not_count_the_compiler(
    known: list[FrozenTrial], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A first trial of 100 s, the others 10 s each: 10 s for each that is left."""
    clock = iter([0.0, 100.0, 110.0, 120.0, 130.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    seen = Progress(8, [], (Objective("weight", True), Objective("cost", True)))
    for trial in known[:4]:
        seen.finished(trial)
    first, *others = capsys.readouterr().out.splitlines()
    assert "left" not in first
    assert [line.split("  ")[-1] for line in others] == ["1 min 0 s left", "50 s left", "40 s left"]


def test_elsewhere_each_trial_has_a_line(
    known: list[FrozenTrial], capsys: pytest.CaptureFixture[str]
) -> None:
    seen = Progress(14, known[:10], (Objective("weight", True), Objective("cost", True)))
    with seen:
        for trial in known[10:]:
            seen.finished(trial)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[:2] for line in lines] == [
        [f"trial {n}", f"{n + 1}/14"] for n in range(10, 14)
    ]
    assert "failed: MemoryError: <out of memory> 0" in lines[1]
    assert dataclasses.asdict(seen.objectives[0])["metric"] in lines[0]
