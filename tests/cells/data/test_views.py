"""Images as they are looked at when a network is asked."""

from __future__ import annotations

import numpy as np
import pytest

from cells.data import views as image_views


def test_views_are_moved_and_mirrored_images():
    pixels = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    seen = []

    def probabilities(shown):
        seen.append(np.array(shown))
        return np.array([[0.1 * len(seen), 1.0 - 0.1 * len(seen)]] * 2)

    shares = image_views.mean_probabilities(
        probabilities, pixels, image_views.views(mirrored=True, shift=1), border="black"
    )
    np.testing.assert_allclose(shares[:, 0], 0.35, rtol=1e-5)
    np.testing.assert_array_equal(seen[0], pixels)
    np.testing.assert_array_equal(seen[1], pixels[:, :, ::-1])
    np.testing.assert_array_equal(seen[2][:, 1:, 1:], pixels[:, :-1, :-1])
    assert not seen[2][:, 0].any() and not seen[4][:, -1].any()
    np.testing.assert_array_equal(seen[4][:, :-1, :-1], pixels[:, 1:, 1:])
    np.testing.assert_array_equal(seen[5], seen[4][:, :, ::-1])


def test_what_enters_is_the_image_mirrored_or_black():
    images = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    down = image_views.View(down=1)
    np.testing.assert_array_equal(
        image_views.shown(images, down)[0, :, :, 0], images[0, [1, 0, 1, 2], :, 0]
    )
    moved = image_views.shown(images, down, border="black")
    np.testing.assert_array_equal(moved[0, 0, :, 0], [0.0] * 4)


@pytest.mark.parametrize(
    ("mirrored", "shift", "count"), [(0, 0, 1), (1, 0, 2), (0, 1, 3), (1, 1, 6)]
)
def test_the_image_itself_is_the_first_of_them(mirrored, shift, count):
    chosen = image_views.views(mirrored=bool(mirrored), shift=shift)
    assert len(set(chosen)) == count and chosen[0] == image_views.View()
