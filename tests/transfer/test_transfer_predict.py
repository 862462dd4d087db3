"""Image files of every kind, looked at by a trained network."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from absl import flags
from absl.testing import flagsaver
from PIL import Image

from cells.data import image_files
from cells.support.errors import UserError
from transfer import cli
from transfer import prediction as predict
from transfer.exporting import export
from transfer.model import network


@pytest.fixture(scope="module")
def pixels(digits):
    """Three digits as uint8 RGB."""
    return np.round((digits[0][:3] + 1) * 127.5).astype("uint8")


def by_hand(trained, images):
    logits = network.logits(trained.model(images / np.float32(127.5) - 1, training=False)).numpy()
    shares = np.exp(logits - logits.max(1, keepdims=True))
    return shares / shares.sum(1, keepdims=True)


def test_the_likeliest_classes_are_those_of_the_logits(trained, pixels, tmp_path):
    for i, image in enumerate(pixels):
        Image.fromarray(image).save(tmp_path / f"{i}.png")
    files = image_files.find_files([str(tmp_path)])
    told = list(predict.predict(trained, files, top=4))
    for prediction, row, file in zip(told, by_hand(trained, pixels), files, strict=True):
        assert prediction.file == str(file)
        labels = [guess.label for guess in prediction.guesses]
        assert labels == list(np.argsort(-row)[:4])
        assert [guess.name for guess in prediction.guesses] == [str(i) for i in labels]
        np.testing.assert_allclose(
            [guess.probability for guess in prediction.guesses], row[labels], rtol=1e-4
        )
    lines = list(predict.table(told))
    assert len(lines) == 3 and lines[0].startswith(f"{files[0]}  ")


def gradient():
    """Smooth, so that lossy formats keep it; not symmetric, so that a wrong turn shows."""
    y, x = np.mgrid[0:40, 0:60]
    return np.stack([4 * x, 6 * y, 255 - 4 * x], axis=-1).astype("uint8")


def saved(path, kind):
    image = Image.fromarray(gradient())
    if kind == "cmyk.jpg":
        image.convert("CMYK").save(path, quality=100)
    elif kind == "rotated.jpg":
        exif = image.getexif()
        exif[0x0112] = 6  # To be turned clockwise by 90 degrees to stand upright.
        image.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, quality=100)
    elif kind == "alpha.png":
        image.putalpha(200)
        image.save(path)
    elif kind.endswith((".webp", ".jpg")):
        image.save(path, quality=100)
    else:
        image.save(path)


@pytest.mark.parametrize(
    "kind", ["plain.png", "plain.jpg", "cmyk.jpg", "rotated.jpg", "some.webp", "alpha.png", "a.bmp"]
)
def test_every_kind_of_file_is_the_same_picture(tmp_path, kind):
    saved(tmp_path / kind, kind)
    read = image_files.read(tmp_path / kind)
    assert read.dtype == np.uint8 and read.shape == (40, 60, 3)
    tolerance = 0 if kind.endswith(("png", "bmp")) else 6
    assert np.abs(read.astype(int) - gradient()).max() <= tolerance


def test_16_bits_are_read_as_tensorflow_reads_them(tmp_path):
    import tensorflow as tf

    grey = np.linspace(0, 65535, 35 * 20).reshape(35, 20).astype("uint16")
    Image.fromarray(grey).save(tmp_path / "grey.png")
    decoded = tf.io.decode_png((tmp_path / "grey.png").read_bytes(), channels=3).numpy()
    np.testing.assert_array_equal(image_files.read(tmp_path / "grey.png"), decoded)
    assert decoded.max() == 255 and np.median(decoded) == pytest.approx(127, abs=1)
    colour = np.stack([grey, grey[::-1], grey // 2], axis=-1)
    (tmp_path / "colour.png").write_bytes(tf.io.encode_png(colour).numpy())
    decoded = tf.io.decode_png((tmp_path / "colour.png").read_bytes(), channels=3).numpy()
    np.testing.assert_array_equal(image_files.read(tmp_path / "colour.png"), decoded)


@pytest.fixture
def command(run):
    """Runs `cell-transfer` in this process."""
    if "checkpoint" not in flags.FLAGS:
        cli._define_flags()

    def call(*paths: str, **values):
        given = {"mode": "predict", "model_dir": str(run[0]), **values}
        with flagsaver.flagsaver(**given):
            cli._main(["cell-transfer", *paths])

    if not flags.FLAGS.is_parsed():
        flags.FLAGS(["test"])
    return call


def test_the_command_prints_a_table_and_writes_json(command, trained, pixels, tmp_path, capsys):
    folder = tmp_path / "images"
    folder.mkdir()
    Image.fromarray(pixels[0]).save(folder / "a.png")
    Image.new("L", (1, 1), 255).save(folder / "one_pixel.png")
    command(str(folder), top=2, output=str(tmp_path / "said.json"))
    said = json.loads((tmp_path / "said.json").read_text())
    assert [entry["file"] for entry in said] == [
        str(folder / x) for x in ("a.png", "one_pixel.png")
    ]
    row = by_hand(trained, pixels[:1])[0]
    assert said[0]["guesses"][0]["label"] == row.argmax()
    assert said[0]["guesses"][0]["class"] == str(row.argmax())
    assert said[0]["guesses"][0]["probability"] == pytest.approx(row.max(), rel=1e-4)
    assert all(len(entry["guesses"]) == 2 for entry in said)
    begun, *rows = capsys.readouterr().out.splitlines()
    assert begun.startswith("runs the classifier in ") and len(rows) == 2


def test_names_that_do_not_fit_the_head_are_told(command, run, pixels, tmp_path):
    Image.fromarray(pixels[0]).save(tmp_path / "a.png")
    folder = tmp_path / "model"
    shutil.copytree(run[0], folder)
    for names, told in (
        (["zero", "one"], r"classes\.json: has 2 names, but the network 10 classes; restore"),
        ({"0": "zero"}, r"classes\.json: is not a list of names"),
    ):
        (folder / "classes.json").write_text(json.dumps(names))
        with pytest.raises(UserError, match=told):
            command(str(tmp_path / "a.png"), model_dir=str(folder))
    with pytest.raises(UserError, match="is not a list of names"):
        export.export(str(folder), str(tmp_path / "classifier.keras"))


def test_what_is_no_image_is_told_before_anything_is_written(command, pixels, tmp_path):
    Image.fromarray(pixels[0]).save(tmp_path / "a.png")
    (tmp_path / "b.jpg").write_bytes(b"no image")
    output = str(tmp_path / "said.json")
    with pytest.raises(UserError, match=r"b\.jpg: cannot be read as an image"):
        command(str(tmp_path), output=output)
    with pytest.raises(UserError, match="there is no such image or folder"):
        command(str(tmp_path / "c.jpg"), output=output)
    with pytest.raises(UserError, match="needs images"):
        command(output=output)
    with pytest.raises(UserError, match="predict takes the network as it was trained"):
        command(str(tmp_path / "a.png"), genotype="pnasnet_5")
    assert not (tmp_path / "said.json").exists()
