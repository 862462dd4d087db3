"""Parameters and multiply-adds of the published networks, to the last unit.

The figures were counted on the networks of TF-slim, `keras.applications` and timm.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from cells import catalogue, networks
from cells.stack import stack
from cells.summary import auxiliary_summary, summarize

# network, changes, classes -> trainable, total, multiply-adds, auxiliary trainable and total
NASNET_A = [
    ("cifar", {}, 3_346_538, 3_383_786, 544_333_312, 1_631_498, 1_633_290),
    ("cifar", {"normal_cells": 4}, 2_320_618, 2_347_114, 388_259_328, 1_631_498, 1_633_290),
    ("cifar", {"normal_cells": 2}, 1_294_698, 1_310_442, 232_185_344, 1_631_498, 1_633_290),
    (
        "cifar",
        {"normal_cells": 3, "filters": 24},
        1_053_922,
        1_069_762,
        181_941_888,
        1_619_210,
        1_621_002,
    ),
    (
        "cifar",
        {"penultimate_filters": 576},
        1_941_970,
        1_969_906,
        318_596_736,
        1_619_210,
        1_621_002,
    ),
    (
        "cifar",
        {"normal_cells": 7, "penultimate_filters": 2304},
        32_590_954,
        32_718_826,
        5_151_250_944,
        1_729_802,
        1_731_594,
    ),
    ("imagenet_mobile", {}, 5_289_978, 5_326_716, 563_638_816, 2_411_240, 2_413_032),
    (
        "imagenet_mobile",
        {"num_classes": 1001},
        5_291_035,
        5_327_773,
        563_639_872,
        2_412_009,
        2_413_801,
    ),
    ("imagenet_large", {}, 88_753_150, 88_949_818, 23_783_414_658, 4_567_784, 4_569_576),
    (
        "imagenet_large",
        {"num_classes": 1001},
        88_757_183,
        88_953_851,
        23_783_418_690,
        4_568_553,
        4_570_345,
    ),
]
PNASNET_5 = [
    ("imagenet_mobile", {}, 5_064_487, 5_098_151, 587_293_200, 2_412_776, 2_414_568),
    (
        "imagenet_mobile",
        {"num_classes": 1001},
        5_065_568,
        5_099_232,
        587_294_280,
        2_413_545,
        2_415_337,
    ),
    ("imagenet_large", {}, 86_057_668, 86_234_656, 24_937_395_792, 4_586_216, 4_588_008),
    (
        "imagenet_large",
        {"num_classes": 1001},
        86_061_989,
        86_238_977,
        24_937_400_112,
        4_586_985,
        4_588_777,
    ),
]
ROWS = [("nasnet_a", *row) for row in NASNET_A] + [("pnasnet_5", *row) for row in PNASNET_5]


@pytest.mark.parametrize(
    "name, network, changes, trainable, total, multiply_adds, auxiliary, auxiliary_total", ROWS
)
def test_the_layout_counts_what_the_published_code_builds(
    name, network, changes, trainable, total, multiply_adds, auxiliary, auxiliary_total
):
    genotype = catalogue.load(name)
    config = networks.configure(genotype, network, auxiliary_head=True, **changes)
    graph = stack(genotype, config)
    counts = summarize(graph, ("logits",), config.image_size)
    head = auxiliary_summary(graph, config.image_size)
    assert (counts.trainable, counts.total) == (trainable, total)
    assert counts.multiply_adds == multiply_adds
    assert (head.trainable, head.total) == (auxiliary, auxiliary_total)


def test_without_a_head_as_keras_counts_it():
    genotype = catalogue.load("nasnet_a")
    config = networks.configure(genotype, "imagenet_mobile").replace(num_classes=None)
    counts = summarize(stack(genotype, config), ("features",), (224, 224))
    assert (counts.trainable, counts.total) == (4_232_978, 4_269_716)
    assert counts.multiply_adds == 562_582_816


def test_the_command_prints_them():
    command = ["summary", "nasnet_a", "--network=imagenet_mobile", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "cells", *command], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == {
        "trainable": 5_289_978,
        "total": 5_326_716,
        "multiply_adds": 563_638_816,
    }
