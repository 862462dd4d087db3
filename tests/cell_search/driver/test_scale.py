"""The simulation of many workers: what can be counted by hand, and the driver that is measured."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from benchmarks import scale


def _costs(count: int, seconds: float, report: float = 0.0) -> scale.Costs:
    return scale.Costs(
        processor=[0.25 * seconds] * count,
        disk=[0.75 * seconds] * count,
        reports={1: report, count: report},
    )


def test_one_worker_waits_for_the_driver_after_every_child() -> None:
    lasts = scale.durations(50, 60.0)
    work = lasts[:-1].sum()
    # The first begins, 48 times the driver comes between, and once before the last.
    expected = work / (work + 49 * 6.0)
    assert scale.simulate(_costs(50, 6.0), 1, 60.0) == pytest.approx(expected)


def test_a_driver_without_costs_keeps_all_busy_and_a_slow_one_is_the_limit() -> None:
    assert scale.simulate(_costs(2000, 0.0), 64, 60.0) == pytest.approx(1.0)
    # A child of 60 s every second: 60 of 512 workers have work.
    assert scale.simulate(_costs(20_000, 1.0), 512, 60.0) == pytest.approx(60 / 512, rel=0.03)


def test_who_ends_while_a_report_is_written_waits_for_it() -> None:
    without = scale.simulate(_costs(2000, 0.001), 8, 60.0)
    with_reports = scale.simulate(_costs(2000, 0.001, report=12.0), 8, 60.0)
    # Every 132 seconds one worker in five ends within the twelve, and waits half of them.
    assert without - with_reports == pytest.approx(0.2 * 6.0 / 132.0, rel=0.1)


def test_durations_are_spread_by_thirty_percent() -> None:
    lasts = scale.durations(20_000, 60.0)
    assert lasts.mean() == pytest.approx(60.0, rel=0.01)
    assert lasts.std() == pytest.approx(18.0, rel=0.02)
    assert lasts.min() >= 6.0


def test_the_real_driver_is_measured(tmp_path: pathlib.Path) -> None:
    costs = scale.measure(tmp_path, 20, workers=4)
    assert len(costs.processor) == len(costs.disk) == 20
    assert min(costs.processor) > 0.0
    assert all(wait > 0.0 for wait in costs.disk), "every trial is written to the disk"
    assert costs.journal[20] == (tmp_path / "study.journal").stat().st_size
    assert list(costs.journal) == sorted(costs.journal)
    assert np.isfinite(list(costs.reports.values())).all()
    assert (tmp_path / "report.html").exists()
