"""Folders of images as data sets: what is read, how it is divided, and what is told."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import socket
import subprocess
import sys
import termios
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from forked_commands import run_forked
from PIL import Image, ImageOps

from cells.data import (
    builder,
    conversion,
    encoding,
    examples_at,
    image_classes,
    image_files,
    image_folders,
)
from cells.support.errors import UserError

ROOT = Path(__file__).resolve().parents[3]


def picture(seed: int, size: tuple[int, int] = (9, 12)) -> np.ndarray:
    """Smooth colours, so that JPEG keeps them."""
    small = np.random.default_rng(seed).integers(0, 256, (2, 2, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize(size[::-1], Image.Resampling.BILINEAR))


def write(path: Path, pixels: np.ndarray, **options) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


@pytest.fixture
def flowers(tmp_path: Path) -> Path:
    """30 roses and 10 Tulips, in the four formats."""
    root = tmp_path / "My flowers-2"
    for i in range(40):
        ending = ("png", "bmp", "webp", "JPG")[i % 4]
        options = {"lossless": True} if ending == "webp" else {}
        name = "rose" if i < 30 else "Tulip"
        write(root / name / f"{i:02}.{ending}", picture(i), **options)
    return root


def examples(folder: Path, split: str) -> dict[str, dict]:
    dataset = builder(str(folder)).as_dataset(split=split)
    return {e["file_name"].decode(): e for e in tfds.as_numpy(dataset)}


def test_each_image_is_there_once_with_its_class_and_its_pixels(flowers, tmp_path):
    folder = conversion.convert(image_folders.find(flowers), tmp_path / "sets", "flowers")
    assert folder == tmp_path / "sets/flowers/1.0.0"
    found = builder("flowers", tmp_path / "sets")
    assert image_classes(found).class_names == ("Tulip", "rose"), "sorted as ImageFolder sorts"
    assert image_classes(found).image_shape == (9, 12, 3)
    train, test = examples(folder, "train"), examples(folder, "test")
    assert not set(train) & set(test)
    everything = train | test
    assert sorted(everything) == sorted(
        p.relative_to(flowers).as_posix() for p in flowers.glob("*/*")
    )
    for path, example in everything.items():
        assert example["label"] == (1 if path.startswith("rose") else 0)
        expected = np.asarray(Image.open(flowers / path))
        # TFDS's own decoder of JPEG rounds differently and enlarges colours in another way.
        limit = 8 if path.endswith("JPG") else 0
        assert np.abs(example["image"].astype(int) - expected).max() <= limit


def test_the_test_split_has_its_share_of_each_class_from_the_seed(flowers, tmp_path):
    def drawn(**settings):
        checked = conversion.check(image_folders.find(flowers), **settings)
        return {name: [f.path for f in files] for name, files in checked.splits.items()}

    first = drawn(test=0.3, seed=5)
    assert [sum(p.startswith(c) for p in first["test"]) for c in ("rose", "Tulip")] == [9, 3]
    assert drawn(test=0.3, seed=5) == first
    assert drawn(test=0.3, seed=6) != first
    assert len(drawn(test=0.0)["train"]) == 40


def test_a_folder_with_splits_is_read_as_tfds_reads_it(tmp_path):
    """The peer is tfds.ImageFolder, which knows JPEG and PNG only."""
    root = tmp_path / "set"
    for i in range(24):
        split = ("train", "val")[i % 3 == 0]
        write(root / split / f"class {i % 4}" / f"{i}.{('png', 'jpeg')[i % 2]}", picture(i))
    write(root / "val" / "a class of its own" / "1.png", picture(99))
    theirs = tfds.ImageFolder(str(root))
    ours = builder(str(root), tmp_path / "sets")
    assert list(ours.info.splits) == list(theirs.info.splits) == ["train", "val"]
    assert ours.info.features["label"].names == theirs.info.features["label"].names
    for split in ("train", "val"):
        known = {
            Path(e["image/filename"].decode()).relative_to(root).as_posix(): e
            for e in tfds.as_numpy(theirs.as_dataset(split=split))
        }
        read = examples(Path(ours.data_dir), split)
        assert sorted(read) == sorted(known)
        for path, example in read.items():
            assert example["label"] == known[path]["label"]
            np.testing.assert_array_equal(example["image"], known[path]["image"])


def test_what_cannot_be_read_is_named_and_left_out(flowers, tmp_path):
    (flowers / "rose" / "text.png").write_text("no image")
    (flowers / "rose" / "empty.jpg").touch()
    jpeg = (flowers / "rose" / "03.JPG").read_bytes()
    (flowers / "rose" / "cut.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    (flowers / "Tulip" / "gone.webp").symlink_to(tmp_path / "nowhere")
    (flowers / "Tulip" / "notes.txt").write_text("no image by its name")
    for hidden in ("Tulip/.hidden.png", "Tulip/._a.jpg", "__MACOSX/Tulip/._a.jpg", ".git/a/b.jpg"):
        (flowers / hidden).parent.mkdir(parents=True, exist_ok=True)
        (flowers / hidden).write_text("")
    (flowers / "of_no_class.jpg").write_text("")
    (flowers / "Tulip" / "red" / "late").mkdir(parents=True)
    folder = conversion.convert(image_folders.find(flowers), tmp_path / "sets", "flowers")
    noted = conversion.facts(folder)
    bad = ["Tulip/gone.webp", "rose/cut.jpg", "rose/empty.jpg", "rose/text.png"]
    assert sorted(noted["unreadable"]) == bad
    assert all(noted["unreadable"].values())
    assert noted["ignored"] == 3
    lines = conversion.described(folder, most=2)
    assert "train 32, test 8 images of 2 classes, 9x12 pixels" in lines[0]
    assert lines[1] == (
        "files that were left out: 4 hidden, 1 .jpg outside of the classes, 1 .txt, "
        "1 folders below the classes"
    )
    assert "4 of 44 images cannot be read" in lines[2]
    assert "and 2 more" in lines[-1]


def test_grey_and_alpha_and_different_sizes_become_three_channels(tmp_path):
    root = tmp_path / "set"
    grey = picture(1)[..., 0]
    alpha = np.dstack([picture(2, (5, 7)), np.full((5, 7), 9, np.uint8)])
    for name, label in (("a", "one"), ("b", "two")):
        write(root / "train" / label / f"{name}.png", grey)
        write(root / "train" / label / f"{name}.webp", alpha, lossless=True, exact=True)
    found = builder(str(root), tmp_path / "sets")
    assert image_classes(found).image_shape == (None, None, 3)
    for path, example in examples(Path(found.data_dir), "train").items():
        expected = alpha[..., :3] if path.endswith("webp") else np.dstack([grey] * 3)
        np.testing.assert_array_equal(example["image"], expected)


def test_photographs_are_kept_as_they_are_and_counted_and_read_upright(tmp_path):
    sideways = Image.Exif()
    sideways[0x0112] = 6
    upright = {}
    for i in range(12):
        path = tmp_path / "photos" / ("one", "two")[i % 2] / f"{i}.{('jpg', 'png', 'webp')[i % 3]}"
        options = {"quality": 95} if path.suffix == ".jpg" else {}
        options |= {"lossless": True} if path.suffix == ".webp" else {}
        write(path, picture(i), **options, **({"exif": sideways} if i < 9 else {}))
        with Image.open(path) as file:
            upright[f"{path.parent.name}/{path.name}"] = np.asarray(ImageOps.exif_transpose(file))
    images = image_folders.find(tmp_path / "photos")
    folder = conversion.convert(images, tmp_path / "sets", "photos", test=0.0)
    assert conversion.described(folder)[1] == (
        "9 of 12 images are turned upright, as their EXIF data say"
    )
    found = builder(str(folder))
    classes = image_classes(found)
    assert classes.image_shape == (None, None, 3), "9x12 and 12x9"
    files = [e["file_name"].decode() for e in tfds.as_numpy(found.as_dataset(split="train"))]
    for example in examples_at(found, "train", classes, np.arange(12)):
        pixels = example["image"].numpy()
        np.testing.assert_array_equal(pixels, upright[files[example["index"]]])


def test_what_tensorflow_reads_wrongly_or_dies_of_is_read_by_pillow(tmp_path):
    colours = [Image.new("RGB", (200, 100), c) for c in ("red", "lime", "blue")]
    for name, order in (("one", (0, 1, 2)), ("two", (1, 2, 0))):
        (tmp_path / "set" / name).mkdir(parents=True)
        first, *others = (colours[i] for i in order)
        first.quantize(4).save(tmp_path / "set" / name / "palette.bmp")
        more = {"save_all": True, "append_images": others, "lossless": True}
        first.save(tmp_path / "set" / name / "animation.webp", **more)
    images = image_folders.find(tmp_path / "set")
    folder = conversion.convert(images, tmp_path / "sets", "odd", test=0.0)
    for example in examples(folder, "train").values():
        expected = np.asarray(colours[example["label"]])
        np.testing.assert_array_equal(example["image"], expected)


def test_pipes_and_sockets_are_counted_and_not_opened(flowers):
    os.mkfifo(flowers / "rose" / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(flowers / "rose" / "s.png"))
        found = image_folders.find(flowers)
        assert (len(found.files), found.ignored) == (40, 2)
        assert len(image_files.find_files([str(flowers)])) == 40
        with pytest.raises(UserError, match=r"pipe\.jpg: is a device or a pipe, not a file"):
            image_files.find_files([str(flowers / "rose" / "pipe.jpg")])


def test_jpeg_and_png_are_kept_byte_for_byte(tmp_path):
    for format_, kept in (("JPEG", True), ("PNG", True), ("BMP", False), ("WEBP", False)):
        out = io.BytesIO()
        Image.fromarray(picture(0)).save(out, format_)
        assert (encoding.encoded(out.getvalue()).data == out.getvalue()) is kept


def test_a_folder_is_converted_once_and_again_when_it_changes(flowers, tmp_path, caplog):
    first = builder(str(flowers), tmp_path / "sets")
    assert Path(first.data_dir).parent.name.startswith("my_flowers_2_")
    assert "are converted to the data set" in caplog.text
    before = {p: p.stat().st_mtime_ns for p in Path(first.data_dir).iterdir()}
    caplog.clear()
    assert builder(str(flowers), tmp_path / "sets").data_dir == first.data_dir
    assert {p: p.stat().st_mtime_ns for p in Path(first.data_dir).iterdir()} == before
    assert caplog.text == ""
    # The same files elsewhere are the same set, record by record.
    moved = tmp_path / "elsewhere" / flowers.name
    shutil.copytree(flowers, moved)
    again = builder(str(moved), tmp_path / "other sets")
    assert Path(again.data_dir).parent.name == Path(first.data_dir).parent.name
    for file in Path(first.data_dir).glob("*.tfrecord*"):
        assert (Path(again.data_dir) / file.name).read_bytes() == file.read_bytes()
    write(flowers / "rose" / "new.png", picture(77))
    grown = builder(str(flowers), tmp_path / "sets")
    assert grown.data_dir != first.data_dir
    assert sum(s.num_examples for s in grown.info.splits.values()) == 41


@pytest.mark.parametrize("mode", [0o555, 0o755])
def test_a_collection_leaves_the_copy_to_the_cache(flowers, tmp_path, monkeypatch, mode):
    own, theirs = tmp_path / "own", tmp_path / "theirs"
    (theirs / "somebodys_set").mkdir(parents=True)
    theirs.chmod(mode)
    monkeypatch.setenv("CELLS_CACHE_DIR", str(own))
    try:
        copy = builder(str(flowers), theirs).data_dir
        assert Path(copy).is_relative_to(own)
        assert [path.name for path in theirs.iterdir()] == ["somebodys_set"]
        # A copy that lies in a collection already, as older versions wrote it, is found there.
        theirs.chmod(0o755)
        shutil.move(Path(copy).parent, theirs)
        assert Path(builder(str(flowers), theirs).data_dir).is_relative_to(theirs)
    finally:
        theirs.chmod(0o755)


def test_an_interrupted_conversion_leaves_nothing_that_looks_whole(flowers, tmp_path, monkeypatch):
    kept, calls = encoding.encoded, []

    def dies(data):
        calls.append(1)
        if len(calls) == 60:  # 40 are read to be checked.
            raise KeyboardInterrupt
        return kept(data)

    monkeypatch.setattr(encoding, "encoded", dies)
    images = image_folders.find(flowers)
    with pytest.raises(KeyboardInterrupt):
        conversion.convert(images, tmp_path / "sets", "flowers")
    assert not list((tmp_path / "sets").rglob("dataset_info.json"))
    folder = conversion.convert(images, tmp_path / "sets", "flowers")
    assert len(examples(folder, "train+test")) == 40


def test_the_command(flowers, tmp_path):
    sets = tmp_path / "sets"
    (flowers / "rose" / "text.png").write_text("no image")
    given = ("cells", "dataset", str(flowers), f"--output={sets}", "--seed=3")
    done = run_forked(*given, "--test=0.5")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"{sets / 'my_flowers_2/1.0.0'}: train 20, test 20 images of 2 classes, 9x12 pixels",
        "1 of 41 images cannot be read:",
        "  rose/text.png: is no image of a known format",
        f"use it as images.name=my_flowers_2 with --data_dir={sets}",
    ]
    assert "images/s" not in done.stderr, "a bar is for terminals"
    other = run_forked(*given, "--test=0.4")
    assert other.returncode == 2
    assert "was made of" in other.stderr and "test is 0.4, was 0.5" in other.stderr
    assert len(other.stderr.splitlines()) == 1


def test_a_bar_moves_on_a_terminal(flowers, tmp_path):
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    command = [sys.executable, "-m", "cells", "dataset", str(flowers), "-o", str(tmp_path / "sets")]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    said = b""
    with contextlib.suppress(OSError):  # The terminal is closed at the other end.
        while chunk := os.read(ours, 1 << 16):
            said += chunk
    os.close(ours)
    assert process.wait() == 0 and b"images/s" in said


def one_class(root: Path) -> None:
    shutil.rmtree(root / "Tulip")


def one_image(root: Path) -> None:
    for path in sorted((root / "Tulip").iterdir())[1:]:
        path.unlink()


def mixed(root: Path) -> None:
    write(root / "train" / "rose" / "1.png", picture(0))


def all_broken(root: Path) -> None:
    for path in root.glob("*/*"):
        path.write_text("broken")


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (one_class, r"images of one class only, 'rose'"),
        (one_image, r"the class 'Tulip' has one readable image"),
        (mixed, r"both as CLASS/\* \(.*\) and as SPLIT/CLASS/\* \(train/rose/1.png\)"),
        (all_broken, r"none of its 40 images can be read, such as Tulip/.*is no image"),
    ],
)
def test_folders_that_cannot_be_a_set(flowers, tmp_path, damage, sentence):
    damage(flowers)
    with pytest.raises(UserError, match=sentence) as error:
        builder(str(flowers), tmp_path / "sets")
    assert "\n" not in str(error.value)
    assert not list(tmp_path.rglob("dataset_info.json"))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"test": 1.0}, r"^test: 1\.0 is not a share"),
        ({"test": 0.02}, r"--test=0\.02 cannot be drawn by class from 40 images"),
        ({"name": "My Flowers"}, r"^name: 'My Flowers' is not a name"),
    ],
)
def test_settings_that_cannot_be(flowers, tmp_path, settings, sentence):
    with pytest.raises(UserError, match=sentence):
        conversion.convert(
            image_folders.find(flowers), tmp_path / "sets", **{"name": "flowers", **settings}
        )


def test_a_set_of_that_name_made_of_something_else_is_kept(flowers, tmp_path):
    conversion.convert(image_folders.find(flowers), tmp_path / "sets", "flowers")
    write(flowers / "rose" / "new.png", picture(77))
    with pytest.raises(UserError, match=r"made of something else than .*My flowers-2 holds now"):
        conversion.convert(image_folders.find(flowers), tmp_path / "sets", "flowers")
    builder("digits", tmp_path / "others")
    with pytest.raises(UserError, match=r"made of something else"):
        conversion.convert(image_folders.find(flowers), tmp_path / "others", "digits")


def test_a_folder_of_images_is_given_as_a_path(flowers, tmp_path, monkeypatch):
    monkeypatch.chdir(flowers.parent)
    flowers.rename("cifar_mine")
    with pytest.raises(UserError, match=r"cifar_mine is a folder of images.*write \./cifar_mine"):
        builder("cifar_mine", tmp_path / "sets")
    assert builder("./cifar_mine", tmp_path / "sets").info.splits["train"].num_examples == 32
    with pytest.raises(UserError, match=r"^output: .* lies in the folder of images"):
        builder("./cifar_mine", flowers.parent / "cifar_mine" / "sets")
