"""Model Garden's RetinaNet configuration with this project's backbones."""

from __future__ import annotations

import dataclasses

from official.vision.configs import retinanet

from transfer.backbone import Backbone, CellBackbone


def _backbone() -> Backbone:
    return Backbone(type="cells", cells=CellBackbone(min_level=3, max_level=5))


@dataclasses.dataclass
class RetinaNet(retinanet.RetinaNet):
    """Model Garden's RetinaNet.

    Attributes:
        num_classes: classes and one for the background; 0 stands for those of the data.
        The others: see Model Garden.
    """

    num_classes: int = 0
    backbone: Backbone = dataclasses.field(default_factory=_backbone)


@dataclasses.dataclass
class RetinaNetTask(retinanet.RetinaNetTask):
    """Model Garden's RetinaNet task.

    Attributes:
        init_checkpoint: the model directory of a `cell-transfer` training, whose weights the
            backbone takes by the names of its layers; or, as in Model Garden, a checkpoint of a
            detector.
        category_ids: what COCO's result files call the classes, in the order of the labels; none
            stands for the data set's own (`detection.categories`).
        seed: of weights and augmentation; None is another one in every run.
        The others: see Model Garden.
    """

    model: RetinaNet = dataclasses.field(default_factory=RetinaNet)
    category_ids: list[int] = dataclasses.field(default_factory=list)
    seed: int | None = None
