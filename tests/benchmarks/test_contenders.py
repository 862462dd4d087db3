"""The benchmark of contenders: what it draws, what it counts and how sure it is."""

from __future__ import annotations

import json
import os
import pathlib
import sys
import textwrap

import keras
import numpy as np
import pytest
from forked_commands import run_forked

from benchmarks.contenders import comparison, hog_svm, images, measured, product, residual_network
from benchmarks.record import lists

#: Runs a Python text in a process that its parent does not wait for, and waits for its end by a
#: pipe; or leaves it behind.
ORPHAN = """
import os, subprocess, sys
reading, writing = os.pipe()
os.set_inheritable(writing, True)
python = f"'{sys.executable}' -c '{sys.argv[1]}' & echo $! >&2"
subprocess.run(["sh", "-c", python], pass_fds=[writing])
os.close(writing)
if sys.argv[2] == "wait":
    os.read(reading, 1)
"""

BURN = "import time\nwhile time.process_time() < 0.5: pass"


def run(folder: pathlib.Path, *arguments: str, most: float = 60.0) -> measured.Usage:
    core = min(os.sched_getaffinity(0))
    command = [sys.executable, "-c", *map(textwrap.dedent, arguments)]
    return measured.run(command, core=core, most=most, log=folder / "log")


@pytest.mark.parametrize("way", ["itself", "child of a child", "orphan"])
def test_the_processor_time_of_all_descendants_counts(tmp_path: pathlib.Path, way: str) -> None:
    nested = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
    arguments = {
        "itself": [BURN],
        "child of a child": [nested, f"{nested.replace('sys.argv[1]', repr(BURN))}"],
        "orphan": [ORPHAN, BURN, "wait"],
    }[way]
    usage = run(tmp_path, *arguments)
    assert usage.exit_code == 0, (tmp_path / "log").read_text()
    # Three interpreters at most start for less than a second in all.
    assert 0.5 <= usage.processor < 1.5


def test_nothing_is_left_behind(tmp_path: pathlib.Path) -> None:
    assert run(tmp_path, ORPHAN, "import time; time.sleep(600)", "leave").exit_code == 0
    pid = int((tmp_path / "log").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_command_has_one_core_and_ends_in_time(tmp_path: pathlib.Path) -> None:
    run(tmp_path, "import os; print(os.sched_getaffinity(0), os.environ['OMP_NUM_THREADS'])")
    assert (tmp_path / "log").read_text().split() == [
        f"{{{min(os.sched_getaffinity(0))}}}",
        "1",
    ]
    assert run(tmp_path, "import time; time.sleep(600)", most=0.5).exit_code == -9


def test_images_are_paired_by_seed() -> None:
    first, again, other = (images.draw(50_000, 5_000, seed) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert len(set(first)) == 5_000 and first.min() >= 0 and first.max() < 50_000
    # Two draws of a tenth have a tenth of a tenth in common: 500, standard deviation 20.
    assert 400 < len(set(first) & set(other)) < 600
    assert np.array_equal(images.draw(10, 5_000, 1), np.arange(10))


def test_training_and_test_images_are_disjoint(data_dir: pathlib.Path) -> None:
    one = images.read("signs", str(data_dir), "train", 500, 0)
    two = images.read("signs", str(data_dir), "test", 500, 0)
    assert len(one) == 500 and len(two) == 418
    assert not {p.tobytes() for p in one.pixels} & {p.tobytes() for p in two.pixels}


def test_no_search_of_the_record_saw_what_is_compared() -> None:
    drawn = images.draw(lists.numbers(images.SOURCES["cifar10"].part), 5_000, 0)
    assert not set(drawn) & {*lists.numbers("search"), *lists.numbers("weights")}


def test_files_hold_the_same_pixels(tmp_path: pathlib.Path) -> None:
    import PIL.Image

    pixels = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype(np.uint8)
    labels = np.array([1, 0, 1])
    given = residual_network.Task(pixels[:3], labels, pixels[3:], 2, 60.0, 0, mirror=False)
    images.write_files(given, np.array([0]), ("a", "b"), tmp_path)
    read = {
        str(path.relative_to(tmp_path).parent): np.asarray(PIL.Image.open(path))
        for path in tmp_path.rglob("*/a/*.png")
    }
    assert np.array_equal(read["train/a"], pixels[1])
    assert np.array_equal(read["test/a"], pixels[3])
    assert len([*tmp_path.rglob("*.png")]) == 4


def test_an_error_counts_seeds_and_images() -> None:
    rng = np.random.default_rng(0)
    seeds, number, draws = 5, 200, 400

    def table() -> np.ndarray:
        of_seed, of_image = rng.normal(0, 0.2, (seeds, 1)), rng.normal(0, 0.9, (1, number))
        return of_seed + of_image + rng.normal(0, 1.5, (seeds, number))

    truth = np.sqrt(0.2**2 / seeds + 0.9**2 / number + 1.5**2 / (seeds * number))
    tables = [table() for _ in range(draws)]
    assert np.std([t.mean() for t in tables]) == pytest.approx(truth, rel=0.15)
    squares = np.mean([comparison.error(t) ** 2 for t in tables])
    assert np.sqrt(squares) == pytest.approx(truth, rel=0.1)


def test_the_error_of_one_seed_is_that_of_images() -> None:
    # 8 of 10: the binomial error with n - 1, sqrt(0.8 * 0.2 / 9).
    table = np.array([[True] * 8 + [False] * 2])
    assert comparison.error(table) == pytest.approx(np.sqrt(0.8 * 0.2 / 9))


def test_the_yardstick_has_its_published_size() -> None:
    model = residual_network.network(10)
    assert model.count_params() == 414_074
    filters = [x.filters for x in model.layers if isinstance(x, keras.layers.Conv2D)]
    assert filters == [16, 32, 32, 32, 64, 128, 128, 128]


def test_views_and_augmentation_move_whole_images() -> None:
    image = np.arange(32 * 32 * 3, dtype=np.float32).reshape(1, 32, 32, 3) + 1.0
    still, upper, lower, *mirrored = residual_network.views(image, mirror=True)
    assert np.array_equal(still, image)
    assert np.array_equal(upper[0, 1:, 1:], image[0, :-1, :-1])
    assert np.array_equal(lower[0, :-1, :-1], image[0, 1:, 1:])
    assert np.array_equal(mirrored[0], image[:, :, ::-1])
    assert len(residual_network.views(image, mirror=False)) == 3

    flat = np.ones((64, 32, 32, 3), np.float32)
    holes = (residual_network.augmented(flat, np.random.default_rng(0), False) == 0).all(-1)
    # A hole of 8x8 whose centre is in the image shows a quarter of itself at least.
    sizes = holes.sum((1, 2))
    assert sizes.max() == 64 and sizes.min() >= 16


def test_histograms_know_an_edge_by_its_orientation() -> None:
    ramp = np.broadcast_to(np.arange(0, 256, 8, dtype=np.uint8), (1, 32, 32))
    across = np.stack([ramp] * 3, -1)
    down = across.swapaxes(1, 2)
    shape = (7, 7, 4, hog_svm.ORIENTATIONS)
    for image, bins in ((across, {0, 8}), (down, {4})):
        found = hog_svm.histograms(image).reshape(shape)
        assert {int(i) for i in np.flatnonzero(found.sum((0, 1, 2)) > 1e-3)} == bins
        lengths = np.sqrt((found**2).sum((2, 3)))
        assert lengths == pytest.approx(np.ones((7, 7)), abs=1e-3)


def test_the_product_gets_what_others_get(tmp_path: pathlib.Path) -> None:
    pixels = np.zeros((1, 32, 32, 3), np.uint8)
    given = residual_network.Task(pixels, np.array([0]), pixels, 10, 480.0, 7, mirror=True)
    command = product.command(given, "product_without_search", "cifar10", tmp_path)
    assert {"--budget=480s", "--seed=7", "--flip", "--search=0"} < set(command)


def test_rows_are_kept(data_dir: pathlib.Path, tmp_path: pathlib.Path) -> None:
    def figures() -> tuple[dict[str, dict], str]:
        done = run_forked(
            *("benchmarks.contenders", "--dataset=signs", "--seeds=1"),
            *("--training=200", "--test=100", "--budget=30", "--only=hog_svm"),
            *("--load=none", f"--output={tmp_path}"),
            environment={**os.environ, "CELLS_DATA_DIR": str(data_dir)},
        )
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout.splitlines()[-1])
        assert told["seeds"] == "0"
        return {f["name"]: f for f in told["figures"]}, (tmp_path / "rows.jsonl").read_text()

    first, rows = figures()
    name = "signs, 0.5 minutes (200 training images, 100 test images): accuracy of hog_svm, %"
    # Chance is 10 %.
    assert first[name]["value"] > 50 and 0 < first[name]["error"] < 6
    assert figures() == (first, rows)
