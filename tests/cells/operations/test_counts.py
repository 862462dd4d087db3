"""Parameters and multiply-adds of the published networks, to the last unit.

The figures were counted on the networks of TF-slim, `keras.applications` and timm.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from cells.genotype import catalogue
from cells.network import presets
from cells.network.stack import stack
from cells.operations.counts import auxiliary_summary, summarize

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
# Networks of 20 cells, 36 filters, and of 14 cells, 48 filters, in the code of DARTS.
DARTS = {
    "darts_v1": ((3_169_414, 3_206_782, 500_987_520), (4_510_432, 4_544_080, 505_864_704)),
    "darts_v2": ((3_349_342, 3_389_734, 528_359_040), (4_718_752, 4_755_088, 529_911_552)),
    "pc_darts_cifar": ((3_634_678, 3_678_094, 556_670_592), (5_270_560, 5_312_272, 571_137_408)),
    "pc_darts_imagenet": (
        (3_721_510, 3_767_086, 570_466_944),
        (5_342_464, 5_385_712, 581_627_328),
    ),
    "p_darts": ((3_433_798, 3_474_622, 532_174_464), (4_944_352, 4_982_608, 542_819_328)),
    "gdas_v1": ((3_368_782, 3_406_582, 519_428_736), (4_969_216, 5_006_128, 537_597_888)),
    "snas_mild": ((2_661_382, 2_690_110, 422_218_368), (3_939_328, 3_965_488, 438_042_432)),
}
DARTS_ROWS = [
    row
    for name, (small, large) in DARTS.items()
    for row in (
        (name, "cifar", {}, *small, 476_426, 476_426 + 1_792),
        (name, "imagenet_mobile", {}, *large, 1_260_776, 1_260_776 + 256),
    )
]
# N = 6, F = 256, 1001 classes at 299 pixels in the TPU code, its auxiliary head at 0.4.
LARGE_AMOEBA = {
    "normal_cells": 6,
    "filters": 256,
    "stem_filters": 32,
    "num_classes": 1001,
    "image_size": (299, 299),
    "skip_reduction": False,
    "auxiliary_scale": 0.4,
}
AMOEBANET = {
    "amoebanet_a": (155_392_393, 155_648_233, 34_239_468_096, 804_897, 805_613),
    "amoebanet_b": (141_751_465, 141_995_305, 31_097_669_696, 804_897, 805_613),
    "amoebanet_c": (194_898_537, 195_208_617, 42_481_561_408, 831_009, 831_725),
    "amoebanet_d": (121_915_113, 122_119_561, 26_964_905_312, 804_897, 805_613),
}
AMOEBANET_ROWS = [(name, "imagenet_large", LARGE_AMOEBA, *row) for name, row in AMOEBANET.items()]
ENAS_ROWS = [("enas", "cifar", {}, 3_894_372, 3_939_300, 620_907_552, 494_848, 494_848 + 1_792)]
ROWS = [("nasnet_a", *row) for row in NASNET_A] + [("pnasnet_5", *row) for row in PNASNET_5]
ROWS += DARTS_ROWS + AMOEBANET_ROWS + ENAS_ROWS


@pytest.mark.parametrize(
    "name, network, changes, trainable, total, multiply_adds, auxiliary, auxiliary_total", ROWS
)
def test_the_layout_counts_what_the_published_code_builds(
    name, network, changes, trainable, total, multiply_adds, auxiliary, auxiliary_total
):
    genotype = catalogue.load(name)
    config = presets.configure(genotype, network, auxiliary_head=True, **changes)
    graph = stack(genotype, config)
    counts = summarize(graph, ("logits",), config.image_size)
    head = auxiliary_summary(graph, config.image_size)
    assert (counts.trainable, counts.total) == (trainable, total)
    assert counts.multiply_adds == multiply_adds
    assert (head.trainable, head.total) == (auxiliary, auxiliary_total)


@pytest.mark.parametrize(
    "name, trainable, total",
    [
        ("amoebanet_a", 2_567_754, 2_599_466),
        ("amoebanet_b", 2_254_378, 2_284_842),
        ("amoebanet_c", 3_169_898, 3_208_106),
        ("amoebanet_d", 1_882_890, 1_908_458),
    ],
)
def test_small_amoebanets(name, trainable, total):
    genotype = catalogue.load(name)
    config = presets.configure(genotype, "cifar", normal_cells=6, filters=32, stem_filters=96)
    counts = summarize(stack(genotype, config), ("logits",), None)
    assert (counts.trainable, counts.total) == (trainable, total)


@pytest.mark.parametrize(
    "name, changes, trainable, multiply_adds",
    [
        # Published: 86.7M and 23.1B; 5.1M and 555M; 5.3M and 555M.
        (
            "amoebanet_a",
            {"normal_cells": 6, "filters": 190, "image_size": (331, 331)},
            86_718_797,
            23_133_663_507,
        ),
        ("amoebanet_a", {"normal_cells": 4, "filters": 50}, 5_086_930, 554_687_204),
        ("amoebanet_b", {"normal_cells": 3, "filters": 62}, 5_258_700, 555_060_408),
    ],
)
def test_published_amoebanets(name, changes, trainable, multiply_adds):
    genotype = catalogue.load(name)
    config = presets.configure(genotype, "imagenet_mobile", stem_filters=32, **changes)
    counts = summarize(stack(genotype, config), ("logits",), config.image_size)
    assert (counts.trainable, counts.multiply_adds) == (trainable, multiply_adds)


@pytest.mark.parametrize("f", [8, 20])
def test_the_hand_written_cell_has_the_convolutions_of_its_description(f):
    """Normal: conv 3x3 of h(i) + h(i-1), then conv 3x3 of that + h(i), both joined."""

    def convolution(size, given, made):
        return size * size * given * made + 2 * made  # with its batch norm

    stem = convolution(3, 3, 3 * f)
    # Fit and squeeze 1x1; h(i-1) of the first cell is the stem, which its identity brings to F.
    normal = [
        2 * convolution(1, 3 * f, f) + 2 * convolution(3, f, f),
        convolution(1, 2 * f, 2 * f)
        + convolution(1, 4 * f, 2 * f)
        + 2 * convolution(3, 2 * f, 2 * f),
        convolution(1, 4 * f, 4 * f)
        + convolution(1, 8 * f, 4 * f)
        + 2 * convolution(3, 4 * f, 4 * f),
    ]
    # The pool has no weights, and a strided identity is a convolution; the second's fits as it is.
    reduction = [
        convolution(1, 3 * f, 2 * f)
        + 2 * convolution(1, 2 * f, 2 * f)
        + 2 * convolution(3, 2 * f, 2 * f),
        2 * convolution(1, 4 * f, 4 * f) + 2 * convolution(3, 4 * f, 4 * f),
    ]
    genotype = catalogue.load("hand_written")
    config = presets.configure(genotype, "cifar", normal_cells=1, filters=f)
    counted = summarize(stack(genotype, config), ("logits",), config.image_size)
    assert counted.trainable == stem + sum(normal) + sum(reduction) + 8 * f * 10 + 10


@pytest.mark.parametrize("f", [8, 22])
def test_a_pooled_stem_has_two_convolutions_and_quarters_all_that_follows(f):
    """Numbers of the hand-written cell, N = 1: its first cell reads F channels, and not 3 F."""
    genotype = catalogue.load("hand_written")
    networks = [
        presets.configure(genotype, network, normal_cells=1, filters=f, stem_filters=f)
        for network in ("cifar", "cifar_pooled")
    ]
    plain, pooled = (summarize(stack(genotype, c), ("logits",), (32, 32)) for c in networks)
    half, head = f // 2, 8 * f * 10
    before, now = 9 * 3 * f, 9 * 3 * half + 9 * half * f
    assert pooled.trainable - plain.trainable == now + 2 * half - before
    # Statistics of the first batch norm come on top: as many as its trained numbers.
    assert pooled.total - plain.total == now + 4 * half - before
    cells = plain.multiply_adds - 1024 * before - head
    assert pooled.multiply_adds == 1024 * now + cells / 4 + head


@pytest.mark.parametrize(("f", "empty"), [(8, 0), (22, 0), (8, 1), (8, 2), (22, 3)])
def test_transitions_are_convolutions_to_the_next_width_and_no_reduction_cell(f, empty):
    """Numbers of the hand-written cell, N = 1; its two states are joined, so 2 F of each group."""
    genotype = catalogue.load("hand_written")
    own = {"normal_cells": 1, "filters": f, "empty_group": empty}
    config = presets.configure(genotype, "cifar_transitions", **own)
    counted = summarize(stack(genotype, config), ("logits",), (32, 32))

    def convolution(kernel, before, after):
        return kernel * before * after, 2 * after

    wide, layers = 2 * f, {32: [convolution(9, 3, f), convolution(9, f, 2 * f)]}
    for group, (size, width) in enumerate(((16, f), (8, 2 * f), (4, 4 * f)), start=1):
        # Both inputs are what the pool gives, and brought to F by a 1x1 convolution each.
        cell = 2 * [convolution(1, 2 * width, width)] + 2 * [convolution(9, width, width)]
        layers[size] = [] if group == empty else cell
        if size > 4:
            wide = 2 * width
            layers[size].append(convolution(9, wide, 2 * wide))
    of_all = [layer for of_size in layers.values() for layer in of_size]
    head = 8 * f * 10
    assert counted.trainable == sum(kernel + norm for kernel, norm in of_all) + head + 10
    assert counted.multiply_adds == head + sum(
        size * size * kernel for size, of_size in layers.items() for kernel, _ in of_size
    )


def test_without_a_head_as_keras_counts_it():
    genotype = catalogue.load("nasnet_a")
    config = presets.configure(genotype, "imagenet_mobile").replace(num_classes=None)
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
