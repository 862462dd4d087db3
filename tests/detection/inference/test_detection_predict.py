"""Videos and large images: frames become frames again, and parts give what the whole hides."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from cells.support.errors import UserError
from detection.data import images, videos
from detection.data.categories import Categories
from detection.inference import pictures, predict, tiling
from detection.inference.detector import Detections


class Squares:
    """Finds white (label 0) and red (label 1) squares of at least 5 pixels, if it sees them.

    As a detector does, it looks at an image that is scaled down to `side` pixels.
    """

    categories = Categories((5, 90), ("cat", "dog"))

    def __init__(self, side=64):
        self.side = side

    def detect(self, image):
        from scipy import ndimage

        factor = max(1, max(image.shape[:2]) // self.side)
        seen = image[::factor, ::factor]
        boxes, labels, scores = [], [], []
        for label, colour in enumerate(((255, 255, 255), (255, 0, 0))):
            spots, _ = ndimage.label((np.abs(seen.astype(int) - colour) < 60).all(axis=-1))
            for rows, columns in ndimage.find_objects(spots):
                height, width = rows.stop - rows.start, columns.stop - columns.start
                if min(height, width) >= 5:
                    box = [columns.start, rows.start, width, height]
                    boxes.append([number * factor for number in box])
                    labels.append(label)
                    scores.append(0.9 - 0.1 * label)
        return Detections(np.float32(boxes).reshape(-1, 4), np.int64(labels), np.float32(scores))


def squares(size, *places, side=10, colour=(255, 255, 255)):
    image = np.zeros((*size, 3), np.uint8)
    for x, y in places:
        image[y : y + side, x : x + side] = colour
    return image


@pytest.mark.parametrize("shape", [(300, 500), (64, 64), (65, 64), (20_000, 90)])
def test_parts_cover_the_image_and_overlap(shape):
    size = 64
    seen = np.zeros(shape, int)
    parts = list(tiling.tiles(*shape, size))
    for top, left, bottom, right in parts:
        assert (bottom - top, right - left) == (min(size, shape[0]), min(size, shape[1]))
        seen[top:bottom, left:right] += 1
    assert seen.min() == 1
    for axis in (0, 1):
        starts = sorted({part[axis] for part in parts})
        steps = np.diff(starts)
        assert all(steps <= size * (1 - tiling.OVERLAP) + 1)
        assert len(starts) == 1 or starts[-1] == shape[axis] - size


def test_what_is_too_small_in_the_whole_is_found_in_parts():
    """Each once: one on a border between parts, one in a corner, and a large one over all parts."""
    places = [(0, 0), (43, 100), (188, 190), (100, 53)]
    image = squares((200, 200), *places)
    image[80:200, 60:180] = (255, 0, 0)
    image[190:200, 188:198] = (255, 255, 255)
    detector = Squares()
    whole = detector.detect(image)
    assert list(whole.labels) == [0] * list(whole.labels).count(0) + [1]
    small = [box for box, label in zip(whole.boxes, whole.labels, strict=True) if label == 0]
    assert len(small) < 4
    found = tiling.detect(detector, image, 64)
    white = sorted(tuple(box) for box, n in zip(found.boxes, found.labels, strict=True) if n == 0)
    assert white == sorted((x, y, 10, 10) for x, y in places)
    red = [box for box, label in zip(found.boxes, found.labels, strict=True) if label == 1]
    assert len(red) == 1
    assert red[0] == pytest.approx([60, 80, 120, 120], abs=4)
    assert list(found.scores) == sorted(found.scores, reverse=True)


def test_an_image_that_fits_is_not_cut():
    image = squares((40, 60), (5, 5))
    np.testing.assert_array_equal(
        tiling.detect(Squares(), image, 64).boxes, Squares().detect(image).boxes
    )


@pytest.fixture
def clip(tmp_path):
    """A video of 6 frames: a square that moves 10 pixels to the right in each."""
    path = tmp_path / "clip.mp4"
    frames = [Image.fromarray(squares((48, 96), (10 * i, 20), side=16)) for i in range(6)]
    assert videos.write(iter(frames), str(path), 12.0) == 6
    return path


def test_a_video_becomes_a_video_and_results_with_frames(clip, tmp_path):
    photo = tmp_path / "photo.png"
    Image.fromarray(squares((48, 96), (30, 10), side=16)).save(photo)
    files = images.find_files([str(tmp_path)])
    assert files == [clip, photo]
    images.check_files(files)
    output = tmp_path / "out"
    told = predict.predict(Squares(96), images.from_files(files), str(output))
    assert (told.images, told.detections) == (7, 7)
    entries = json.loads((output / "results.json").read_bytes())
    assert [entry.get("frame") for entry in entries] == [0, 1, 2, 3, 4, 5, None]
    assert [entry["image_id"] for entry in entries] == list(range(1, 8))
    for i, entry in enumerate(entries[:6]):
        assert entry["file_name"] == str(clip)
        assert entry["bbox"] == pytest.approx([10 * i, 20, 16, 16], abs=2)
    assert entries[6]["bbox"] == [30, 10, 16, 16]
    assert sorted(p.name for p in (output / "pictures").iterdir()) == ["clip.mp4", "photo.jpg"]
    drawn = list(videos.frames(output / "pictures" / "clip.mp4"))
    assert len(drawn) == 6
    # Enlarged until names can be read, as pictures are.
    assert drawn[0].shape == (48 * 6, 96 * 6, 3)
    assert videos.frame_rate(output / "pictures" / "clip.mp4") == pytest.approx(12.0)


def test_nothing_is_drawn_where_no_pictures_are_wanted(clip, tmp_path, monkeypatch):
    monkeypatch.setattr(predict.pictures, "draw", None)
    files = images.from_files([clip])
    told = predict.predict(Squares(96), files, str(tmp_path / "out"), draw=False)
    assert (told.images, told.detections) == (6, 6)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["results.json"]


def test_a_damaged_video_is_named_and_nothing_is_written(clip, tmp_path):
    clip.write_bytes(clip.read_bytes()[:200])
    with pytest.raises(UserError, match=r"clip\.mp4: cannot be read as a video"):
        images.check_files([clip])
    with pytest.raises(UserError, match=r"clip\.mp4: cannot be read as a video"):
        predict.predict(Squares(), images.from_files([clip]), str(tmp_path / "out"))
    assert not (tmp_path / "out" / "results.json").exists()


class Discs:
    """Finds the disc of each centre and radius, with a mask as heads give it: of its own box."""

    categories = Categories((5, 90), ("cat", "dog"))

    def __init__(self, discs):
        self.discs = discs

    def detect(self, image):
        boxes = [[x - r, y - r, 2 * r, 2 * r] for x, y, r in self.discs]
        rows, columns = np.indices((28, 28)) - 13.5
        masks = [np.float32(np.hypot(rows, columns) <= 14)] * len(boxes)
        labels, scores = np.arange(len(boxes)), np.linspace(0.9, 0.8, len(boxes))
        return Detections(np.float32(boxes), labels, np.float32(scores), np.stack(masks))


def disc(size, x, y, r):
    rows, columns = np.indices(size) + 0.5
    return np.hypot(rows - y, columns - x) <= r


def test_masks_stand_in_pictures_and_in_a_file_that_cocos_tools_read(tmp_path):
    """One disc inside the image, one over its border."""
    size, discs = (600, 800), [(300, 250, 120), (780, 500, 90)]
    Image.fromarray(np.full((*size, 3), 200, np.uint8)).save(tmp_path / "7.png")
    source = images.from_files([tmp_path / "7.png"])
    told = predict.predict(Discs(discs), source, str(tmp_path / "out"))
    truth = COCO()
    truth.dataset = {
        "info": {},
        "images": [{"id": 7, "height": size[0], "width": size[1]}],
        "categories": [{"id": 5}, {"id": 90}],
    }
    truth.createIndex()
    found = truth.loadRes(told.results)
    for annotation, where in zip(found.dataset["annotations"], discs, strict=True):
        ours, theirs = found.annToMask(annotation) > 0, disc(size, *where)
        # The mask has 28 points across, so its border is as blurred as that.
        assert (ours & theirs).sum() / (ours | theirs).sum() > 0.95
    picture = np.asarray(Image.open(tmp_path / "out" / "pictures" / "7.jpg"), int)
    ground = np.array([200, 200, 200])
    for (x, y, _), label in zip(discs, (0, 1), strict=True):
        inside = (ground + pictures.color(label)) // 2
        assert np.abs(picture[y, x] - inside).max() < 12
    assert np.abs(picture[250 - 95, 300 + 95] - ground).max() < 12


def test_masks_stay_with_their_boxes_where_an_image_is_looked_at_in_parts():
    """Each part sees one disc, whose box moves with the part; the whole image sees none."""
    image = squares((200, 300), (20, 30), (270, 150))

    class Marks(Squares):
        def detect(self, image):
            found = super().detect(image if max(image.shape[:2]) <= 100 else 0 * image)
            masks = np.float32([np.full((4, 4), part.mean() / 255) for part in _cut(image, found)])
            return dataclasses.replace(found, masks=masks.reshape(-1, 4, 4))

    def _cut(image, found):
        return [image[y : y + h, x : x + w] for x, y, w, h in found.boxes.astype(int)]

    found = tiling.detect(Marks(), image, 100)
    assert sorted(map(tuple, found.boxes)) == [(20, 30, 10, 10), (270, 150, 10, 10)]
    assert found.masks.shape == (2, 4, 4)
    assert (found.masks == 1).all()
    assert found.above(0.95).masks.shape == (0, 4, 4)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 90), (40, 20_000), (3000, 2000)])
def test_letters_and_lines_fit_into_pictures_of_all_shapes(height, width):
    """A name of a panorama is no higher than a tenth of it, and an image of a pixel is drawn."""
    image = np.full((height, width, 3), 128, np.uint8)
    one = Detections(np.float32([[0, 0, width, height]]), np.int64([0]), np.float32([1]))
    picture = np.asarray(pictures.draw(image, one, ["name"]))
    factor = picture.shape[0] // height
    assert picture.shape == (height * factor, width * factor, 3)
    plate = (picture == pictures.color(0)).all(axis=-1)
    if min(height, width) >= 40:
        # Lines of the box above and below; elsewhere only letters hide the ground.
        assert plate[:, width * factor // 2].mean() < 0.3


def contrast(one, other):
    """WCAG 2.1: of two colours, 1 (none) to 21."""

    def luminance(colour):
        parts = [c / 255 for c in colour]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("ground", [0, 128, 255])
def test_names_and_boxes_are_readable_on_light_and_dark(ground):
    """WCAG asks 4.5 of letters, here on their plate, and 3 of lines, here of one of the three."""
    for label in range(40):
        image = np.full((600, 600, 3), ground, np.uint8)
        one = Detections(np.float32([[200, 300, 200, 200]]), np.int64([label]), np.float32([1]))
        picture = np.asarray(pictures.draw(image, one, ["name"] * 40))
        plate = picture[276:299, 200:320].reshape(-1, 3)
        fill = pictures.color(label)
        assert (plate == fill).all(axis=1).mean() > 0.3
        ink = max(plate.tolist(), key=lambda colour: contrast(colour, fill))
        assert contrast(ink, fill) >= 4.5
        line = picture[400, 195:210]
        best = max(contrast(c, (ground,) * 3) for c in line.tolist())
        assert best >= 3


def test_a_thing_has_one_box_where_classes_do_not_count():
    """Two guesses at one thing, IoU 90/110, and a third one apart."""
    boxes = np.array([[0, 0, 10, 10], [1, 0, 10, 10], [40, 40, 5, 5]], np.float32)
    scores = np.array([0.5, 0.8, 0.4], np.float32)
    found = Detections(boxes, np.array([3, 8, 3]), scores)
    assert found.suppressed(0.5).labels.tolist() == [8, 3, 3]
    alone = found.suppressed(0.5, class_agnostic=True)
    assert alone.labels.tolist() == [8, 3]
    np.testing.assert_array_equal(alone.boxes, boxes[[1, 2]])
    assert len(found.suppressed(0.9, class_agnostic=True).boxes) == 3
    assert len(found.only([]).suppressed(0.5, class_agnostic=True).boxes) == 0
