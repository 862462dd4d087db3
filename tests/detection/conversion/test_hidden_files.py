"""What macOS, archives and people leave beside images and annotations stops nothing."""

from __future__ import annotations

import os
import zipfile

import pytest
from annotated import coco, converted, jpeg

from cells.data import image_files
from cells.support.errors import UserError
from detection import conversion
from detection.conversion import image_files as named_files
from detection.data import images as pictures

#: How macOS writes what its file system knows of a file: no image, no XML, no labels.
COMPANION = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X" + bytes(40)


def test_companions_are_passed_over_in_folders_and_counted(tmp_path, photos, caplog):
    (photos / "__MACOSX").mkdir()
    (photos / ".git").mkdir()
    for name in ("._a.jpg", "__MACOSX/._b.jpg", ".git/c.jpg"):
        (photos / name).write_bytes(COMPANION)
    (photos / "notes.TXT").write_text("x")
    (photos / "more.txt").write_text("x")
    (photos / "LICENSE").write_text("x")
    (photos / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    assert conversion.open_images(photos).names == ["a.jpg", "b.jpg"]
    told = (
        f"{photos}: passed over 3 hidden, 2 .txt, 1 broken links, pipes and the like, "
        "1 without ending"
    )
    assert caplog.messages == [told]
    assert [path.name for path in image_files.find_files([str(photos)])] == ["a.jpg", "b.jpg"]
    assert [path.name for path in pictures.find_files([str(photos)])] == ["a.jpg", "b.jpg"]
    assert converted(tmp_path, photos, coco()).info["contents"]["images"] == 2


def test_companions_are_passed_over_in_zip_files(tmp_path, caplog):
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("photos/a.jpg", jpeg())
        file.writestr("photos/README.md", "x")
        file.writestr("__MACOSX/photos/._a.jpg", COMPANION)
    images = conversion.open_images(path)
    assert images.names == ["photos/a.jpg"]
    assert images.find("a.jpg") == images.find("a") == "photos/a.jpg"
    assert caplog.messages == [f"{path}: passed over 1 .md, 1 hidden"]


@pytest.mark.parametrize("ending", ["txt", "xml"])
def test_companions_are_passed_over_among_annotations(tmp_path, photos, ending):
    folder = tmp_path / "labels"
    (folder / "__MACOSX").mkdir(parents=True)
    (folder / "classes.txt").write_text("dog")
    if ending == "txt":
        (folder / "a.txt").write_text("0 0.5 0.5 0.2 0.4")
    else:
        (folder / "a.xml").write_text(
            "<annotation><object><name>dog</name><bndbox><xmin>1</xmin><ymin>1</ymin>"
            "<xmax>4</xmax><ymax>4</ymax></bndbox></object></annotation>"
        )
    for name in ("._a.txt", "._a.xml", "__MACOSX/a.txt", "__MACOSX/b.xml"):
        (folder / name).write_bytes(COMPANION)
    found = conversion.read(folder, conversion.open_images(photos))
    assert found.categories.names == ("dog",)
    assert sum(map(len, found.objects.values())) == 1


def test_a_companion_in_the_output_stops_no_conversion(tmp_path, photos):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".DS_Store").write_bytes(COMPANION)
    assert converted(tmp_path, photos, coco()).info["contents"]["images"] == 2


def test_a_file_that_is_no_image_is_told_without_an_address(tmp_path, photos):
    """Which changes from run to run."""
    (photos / "b.jpg").write_bytes(COMPANION)
    found = converted(tmp_path, photos, coco())
    assert found.info["contents"]["left_out"] == {
        "b.jpg": "cannot be read (cannot identify image file)"
    }
    labels = tmp_path / "labels"
    labels.mkdir()
    (labels / "classes.txt").write_text("dog")
    (labels / "a.txt").write_text("0 0.5 0.5 0.2 0.4")
    with pytest.raises(
        UserError, match=r"b\.jpg cannot be read as an image \(cannot identify"
    ) as e:
        conversion.read(labels, conversion.open_images(photos))
    assert "0x" not in str(e.value)


def test_pipes_are_not_waited_for(tmp_path, photos):
    os.mkfifo(photos / "c.jpg")
    os.mkfifo(tmp_path / "pipe.zip")
    assert conversion.open_images(photos).names == ["a.jpg", "b.jpg"]
    with pytest.raises(UserError, match="is not an ordinary file"):
        conversion.open_images(tmp_path / "pipe.zip")
    with pytest.raises(UserError, match="is a device or a pipe"):
        pictures.find_files([str(photos / "c.jpg")])
    with pytest.raises(UserError, match="is not an ordinary file"):
        conversion.read(tmp_path / "pipe.zip")


def test_a_name_that_is_no_text_is_refused(tmp_path, photos):
    with open(os.fsencode(photos) + b"/\xff.jpg", "wb") as file:
        file.write(jpeg())
    with pytest.raises(UserError, match=r"\\udcff\.jpg' is not a name in UTF-8; rename the file"):
        named_files.open_images(photos)
