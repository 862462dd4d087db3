"""Every recipe in configs/ names a network that can be laid out, with the keys that exist."""

from __future__ import annotations

import json
import pathlib
import re

import numpy as np
import pytest

CONFIGS = pathlib.Path(__file__).parents[1] / "configs"


def test_the_listed_keys_are_those_of_the_classes():
    import known_keys

    from cells import shipped

    listed, found = json.loads(shipped.KEYS.read_text(encoding="utf-8")), known_keys.known_keys()
    if listed["versions"] != found["versions"]:
        pytest.skip("the list is of other versions, with which nobody reads it")
    assert listed == found, "`make keys` writes them anew"


def recipes(stage: str) -> list[pathlib.Path]:
    found = sorted((CONFIGS / stage).glob("*.yaml"))
    assert found
    return found


@pytest.mark.parametrize("path", recipes("detection"), ids=lambda p: p.stem)
def test_detection_recipes(path):
    from cells.network.stack import stack
    from detection.config import experiments
    from transfer.config import configure
    from transfer.config.cells_backbone import stack_of

    base = configure.experiment(configure.experiment_of([str(path)]), experiments.NAMES)
    params = configure.configure(base, files=[str(path)])
    assert stack(*stack_of(params.task.model.backbone.cells)).outputs


#: Zoph et al. 2018, section 4.3, and the authors' released configuration (tensorflow/models,
#: research/object_detection, samples/configs/faster_rcnn_nas_coco.config; its anchors are scales
#: 0.25, 0.5, 1 and 2 of the 256 pixels of that library's grid_anchor_generator).
PAPERS_DETECTOR = {
    "input_size": [1200, 1200, 3],
    "feature_maps": {16},
    "anchors": {(size, ratio) for size in (64, 128, 256, 512) for ratio in (0.5, 1.0, 2.0)},
    "batch": 1,
    "learning_rate": ([900_000, 1_200_000], [3e-4, 3e-5, 3e-6], None),
    "momentum": ("sgd", 0.9, False),
    "clip": 10.0,
    "augmentation": (True, False, 1.0, 1.0, None),
    "crop_size": 17,
    # Objectness, boxes of the proposals, classes, boxes of the objects.
    "loss_weights": (1.0, 2.0, 1.0, 2.0),
    "weight_decay": 0.0,
    "overlaps": (0.7, 0.7, 0.6),
    "objects": 100,
    "batch_norm": "frozen",
}

#: What a header names beside them: Model Garden has no such parts, or the paper is silent.
BESIDES = {"box_head", "data", "proposals", "train_steps"}


def detector_of(params):
    """The settings that the fact lists, as the configuration has them."""
    from official.vision.ops import anchor

    task, model = params.task, params.task.model
    levels = range(model.min_level, model.max_level + 1)
    made = anchor.build_anchor_generator(
        levels[0],
        levels[-1],
        model.anchor.num_scales,
        model.anchor.aspect_ratios,
        model.anchor.anchor_size,
    )((2 ** levels[-1],) * 2)
    boxes = np.concatenate([np.reshape(made[str(level)], (-1, 4)) for level in levels])
    height, width = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    optimizer = params.trainer.optimizer_config
    rate, descent = optimizer.learning_rate.stepwise, optimizer.optimizer.sgd
    parser, losses = task.train_data.parser, task.losses
    proposals, found = model.roi_generator, model.detection_generator
    return {
        "input_size": list(model.input_size),
        "feature_maps": {2**level for level in levels},
        "anchors": set(
            zip(np.sqrt(height * width).round(2), (width / height).round(2), strict=True)
        ),
        "batch": task.train_data.global_batch_size,
        "learning_rate": (list(rate.boundaries), list(rate.values), optimizer.warmup.type),
        "momentum": (optimizer.optimizer.type, descent.momentum, descent.nesterov),
        "clip": descent.global_clipnorm,
        "augmentation": (
            parser.aug_rand_hflip,
            parser.aug_rand_vflip,
            parser.aug_scale_min,
            parser.aug_scale_max,
            parser.aug_type,
        ),
        "crop_size": model.roi_aligner.crop_size,
        "loss_weights": (
            losses.rpn_score_weight,
            losses.rpn_box_weight,
            losses.frcnn_class_weight,
            losses.frcnn_box_weight,
        ),
        "weight_decay": losses.l2_weight_decay,
        "overlaps": (
            proposals.nms_iou_threshold,
            proposals.test_nms_iou_threshold,
            found.nms_iou_threshold,
        ),
        "objects": found.max_num_detections,
        "batch_norm": "frozen" if task.freeze_batch_norm else "moving",
    }


@pytest.mark.parametrize("name", ["coco_nasnet", "coco_fasterrcnn"])
def test_detection_recipes_follow_the_paper_but_where_their_headers_say(name):
    from detection.config import experiments
    from transfer.config import configure

    path = CONFIGS / "detection" / f"{name}.yaml"
    base = configure.experiment("cells_fasterrcnn_coco", experiments.NAMES)
    found = detector_of(configure.configure(base, files=[str(path)]))
    differs = {key for key, value in PAPERS_DETECTOR.items() if found[key] != value}
    header = path.read_text(encoding="utf-8").split("# Differs from the paper")[1]
    named = set(re.findall(r"^#   (\w+) {2,}\S", header, re.MULTILINE))
    assert named - BESIDES == differs
    assert "box_head" in named and "data" in named
    proposals = configure.configure(base, files=[str(path)]).task.model.roi_generator
    assert 300 <= proposals.num_proposals == proposals.test_num_proposals <= 500  # Section 4.3.


def test_the_papers_detector_differs_by_the_size_and_the_maps_alone():
    header = (CONFIGS / "detection" / "coco_nasnet.yaml").read_text(encoding="utf-8")
    named = re.findall(r"^#   (\w+) {2,}\S", header, re.MULTILINE)
    assert set(named) == {"input_size", "feature_maps"} | BESIDES


@pytest.mark.parametrize("path", recipes("detection"), ids=lambda p: p.stem)
def test_every_detection_recipe_that_names_the_paper_says_how_it_stands_to_it(path):
    text = " ".join(path.read_text(encoding="utf-8").replace("#", " ").split())
    if "Zoph et al." in text or "NASNet paper" in text:
        sayings = (
            "Differs from the paper",
            "Not the paper's recipe",
            "which says where it differs",
        )
        assert any(saying in text for saying in sayings)


@pytest.mark.parametrize("path", recipes("transfer"), ids=lambda p: p.stem)
def test_transfer_recipes(path):
    from cells.network.stack import stack
    from transfer.config import configure
    from transfer.config.cells_backbone import stack_of
    from transfer.model import baselines

    base = configure.experiment(configure.experiment_of([path]) or configure.DEFAULT_EXPERIMENT)
    params = configure.configure(base, files=[str(path)])
    if not params.task.model.cells.genotype:
        pytest.skip("the network is that of task.init_checkpoint")
    if params.task.model.baseline:
        baselines.check(params.task.model)
    assert stack(*stack_of(params.task.model.cells)).outputs


@pytest.mark.parametrize("path", recipes("search"), ids=lambda p: p.stem)
def test_search_recipes(path, request):
    from cell_search.config import resolve, schema
    from cells.support.overrides import override

    config = override(schema.SearchConfig(), [str(path)])
    if config.costs.file:
        # Costs are predicted for the images of the set, which is asked for their size.
        config.images.data_dir = str(request.getfixturevalue("data_dir"))
    assert resolve.resolve(config).space.decisions
