"""Model Garden's detectors with this project's backbones."""

from __future__ import annotations

import dataclasses

from official.vision.configs import maskrcnn, retinanet

from cells.network.stack_config import MAX_CLASSES
from cells.support.settings import setting
from transfer.config.cells_backbone import Backbone, CellBackbone


def _backbone(min_level: int) -> Backbone:
    return Backbone(type="cells", cells=CellBackbone(min_level=min_level, max_level=5))


@dataclasses.dataclass
class RetinaNet(retinanet.RetinaNet):
    """Model Garden's RetinaNet.

    Attributes:
        num_classes: classes and one for the background; 0 stands for those of the data.
        The others: see Model Garden.
    """

    num_classes: int = setting(0, least=0, most=MAX_CLASSES)
    backbone: Backbone = dataclasses.field(default_factory=lambda: _backbone(3))


@dataclasses.dataclass
class MaskRCNN(maskrcnn.MaskRCNN):
    """Model Garden's Mask R-CNN; without `include_mask` it is Faster R-CNN.

    Attributes:
        num_classes: classes and one for the background; 0 stands for those of the data.
        The others: see Model Garden.
    """

    num_classes: int = setting(0, least=0, most=MAX_CLASSES)
    backbone: Backbone = dataclasses.field(default_factory=lambda: _backbone(2))


@dataclasses.dataclass
class RetinaNetTask(retinanet.RetinaNetTask):
    """Model Garden's RetinaNet task.

    Attributes:
        init_checkpoint: the model directory of a `cell-transfer` training, or a file of
            `cells import-weights`, whose weights the backbone takes by the names of its layers; or,
            as in Model Garden, a checkpoint of a detector.
        category_ids: what COCO's result files call the classes, in the order of the labels; none
            stands for the data set's own (`detection.data.categories`).
        freeze_stem: keeps the weights in front of the first cell.
        freeze_batch_norm: keeps the batch norms of the backbone, their statistics included, as the
            detectors of the NASNet paper do.
        seed: of weights and augmentation; None is another one in every run.
        The others: see Model Garden.
    """

    model: RetinaNet = dataclasses.field(default_factory=RetinaNet)
    category_ids: list[int] = setting([], least=0)
    freeze_stem: bool = False
    freeze_batch_norm: bool = False
    seed: int | None = setting(None, least=0, most=2**32 - 1)


@dataclasses.dataclass
class MaskRCNNTask(maskrcnn.MaskRCNNTask):
    """Model Garden's task of Faster and Mask R-CNN; its further fields are `RetinaNetTask`'s."""

    model: MaskRCNN = dataclasses.field(default_factory=MaskRCNN)
    category_ids: list[int] = setting([], least=0)
    freeze_stem: bool = False
    freeze_batch_norm: bool = False
    seed: int | None = setting(None, least=0, most=2**32 - 1)
