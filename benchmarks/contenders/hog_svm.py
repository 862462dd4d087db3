"""Histograms of oriented gradients and a support vector machine: no network at all.

The histograms are those of Dalal and Triggs 2005, section 6: unsigned gradients of the strongest
channel, nine orientations, cells of 4x4 pixels (for images of 32x32), blocks of 2x2 cells that
overlap, each brought to length 1, cut at 0.2 and brought to length 1 again.
"""

from __future__ import annotations

import numpy as np
from sklearn.svm import SVC

from benchmarks.contenders.task import Answer, Task

ORIENTATIONS, CELL, BLOCK, CUT = 9, 4, 2, 0.2


def histograms(images: np.ndarray) -> np.ndarray:
    """float32 (n, features) of uint8 images (n, height, width, 3)."""
    pixels = np.sqrt(images.astype(np.float32) / 255.0)
    padded = np.pad(pixels, [(0, 0), (1, 1), (1, 1), (0, 0)], "edge")
    dx = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
    dy = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
    strongest = (dx**2 + dy**2).argmax(-1)[..., None]
    dx, dy = (np.take_along_axis(d, strongest, -1)[..., 0] for d in (dx, dy))
    # A gradient between two orientations belongs to both, to the nearer one more.
    place = (np.arctan2(dy, dx) % np.pi) * (ORIENTATIONS / np.pi) - 0.5
    lower = np.floor(place)
    length, nearer = np.hypot(dx, dy), place - lower
    n, height, width = length.shape
    cells = np.zeros((n, height // CELL, width // CELL, ORIENTATIONS), np.float32)
    for offset, share in ((0, 1.0 - nearer), (1, nearer)):
        which = (lower.astype(int) + offset) % ORIENTATIONS
        for orientation in range(ORIENTATIONS):
            votes = np.where(which == orientation, length * share, 0.0)
            tiles = votes.reshape(n, height // CELL, CELL, width // CELL, CELL)
            cells[..., orientation] += tiles.sum((2, 4))
    rows, columns = (cells.shape[i] - BLOCK + 1 for i in (1, 2))
    blocks = np.concatenate(
        [cells[:, i : i + rows, j : j + columns] for i in range(BLOCK) for j in range(BLOCK)], -1
    )
    blocks = np.minimum(_unit(blocks), CUT)
    return _unit(blocks).reshape(n, -1)


def _unit(blocks: np.ndarray) -> np.ndarray:
    return blocks / np.sqrt((blocks**2).sum(-1, keepdims=True) + 1e-6)


def train_and_predict(task: Task) -> Answer:
    """Fits a machine with a Gaussian kernel, and names the test images."""
    machine = SVC(C=10.0, gamma="scale", cache_size=1000)
    machine.fit(histograms(task.images), task.labels)
    return Answer(
        machine.predict(histograms(task.test)), {"vectors": int(machine.n_support_.sum())}
    )
