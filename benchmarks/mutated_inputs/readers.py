"""The readers that are tried, by name."""

from __future__ import annotations

from benchmarks.mutated_inputs import annotations, folders, texts
from benchmarks.mutated_inputs.reader import Reader

#: In the order in which they run. A new one is a `Reader` and a line here.
READERS: dict[str, Reader] = {
    "coco": annotations.COCO,
    "voc": annotations.VOC,
    "yolo": annotations.YOLO,
    **texts.READERS,
    **folders.READERS,
}
