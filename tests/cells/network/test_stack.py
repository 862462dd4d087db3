"""The rules of stacking, read off the layout."""

from __future__ import annotations

import pytest
from genotype_strategies import random_genotypes
from hypothesis import given, settings
from hypothesis import strategies as st

from cells.genotype import catalogue
from cells.genotype.genotype import Genotype
from cells.network import presets
from cells.network.stack import stack
from cells.network.stack_config import StackConfig, minimal_size, penultimate_filters
from cells.operations.counts import count
from cells.operations.graph import Graph
from cells.operations.primitives import DropPath, Input
from cells.support.errors import UserError

NASNET = catalogue.load("nasnet_a")
PNASNET = catalogue.load("pnasnet_5")


def layout(genotype, network, **changes) -> Graph:
    return stack(genotype, presets.configure(genotype, network, **changes))


def test_no_classes_are_no_head():
    headless = layout(NASNET, "cifar", num_classes=None).outputs
    assert "features" in headless and "logits" not in headless
    assert "logits" in layout(NASNET, "cifar", num_classes=7).outputs


def cells_of(graph: Graph) -> list[str]:
    """The names of the cells in order, by the layer that squeezes their input."""
    return [n.removesuffix("_squeeze_conv") for n in graph.nodes if n.endswith("_squeeze_conv")]


def test_nasnet_inserts_reduction_cells_and_pnasnet_replaces_by_them():
    # Cells as TF-slim counts them: 3N + 2 and 3N + 4 against 3N and 3N + 2.
    assert len(cells_of(layout(NASNET, "cifar"))) == 3 * 6 + 2
    assert len(cells_of(layout(NASNET, "imagenet_mobile"))) == 3 * 4 + 4
    assert len(cells_of(layout(PNASNET, "imagenet_mobile"))) == 3 * 3 + 2
    assert len(cells_of(layout(PNASNET, "imagenet_large"))) == 3 * 4 + 2


@pytest.mark.parametrize(
    "network, sizes",
    [
        ("imagenet_mobile", {"level_1": 111, "level_2": 56, "level_3": 28, "level_5": 7}),
        ("imagenet_large", {"level_1": 165, "level_2": 83, "level_3": 42, "level_5": 11}),
        ("cifar", {"level_1": 16, "level_2": 8}),
        ("cifar_pooled", {"level_1": 16, "level_2": 8, "level_3": 4}),
        ("cifar_transitions", {"level_1": 16, "level_2": 8, "level_3": 4}),
    ],
)
def test_maps_have_the_published_sizes(network, sizes):
    config = presets.configure(NASNET, network)
    graph = stack(NASNET, config)
    found = graph.sizes(config.image_size)
    for level, size in sizes.items():
        tensor = graph.outputs[level]
        assert found[tensor.name] == (size, size)
        assert tensor.stride == (2 ** int(level[-1]),) * 2


def test_penultimate_filters_are_those_of_the_names():
    # 6 @ 768, 4 @ 1056, 6 @ 4032 (paper); 4320 and 1080 features of PNASNet-5 (timm, TF-slim).
    expected = {
        (NASNET, "cifar"): 768,
        (NASNET, "imagenet_mobile"): 1056,
        (NASNET, "imagenet_large"): 4032,
        (PNASNET, "imagenet_mobile"): 1080,
        (PNASNET, "imagenet_large"): 4320,
    }
    for (genotype, network), filters in expected.items():
        config = presets.configure(genotype, network)
        assert penultimate_filters(genotype, config) == filters
        assert stack(genotype, config).outputs["level_5" if network != "cifar" else "level_2"]
        named = presets.configure(genotype, network, penultimate_filters=filters)
        assert named.filters == config.filters


def reads(graph: Graph, cell: str) -> tuple[str, str]:
    """Which cells' outputs the given cell reads as h_{i-1} (aligned) and h_i (squeezed)."""

    def source(part: str) -> str:
        node = graph.nodes[f"{cell}_{part}"].inputs[0].name
        return node.removesuffix("_relu").removesuffix("_concat")

    return source("align_conv_1"), source("squeeze_conv")


def test_skip_reduction_moves_one_input_behind_each_reduction_cell():
    off = layout(NASNET, "imagenet_mobile", skip_reduction=False)
    on = layout(NASNET, "imagenet_mobile", skip_reduction=True)
    for group in (2, 3):
        after = f"group_{group}_cell_1"
        before = f"group_{group - 1}_cell_"
        assert reads(off, after) == (f"{before}4", f"reduction_{group - 1}")
        assert reads(on, after) == (f"{before}3", f"reduction_{group - 1}")
    same = [c for c in cells_of(off) if not c.endswith("cell_1") or c == "group_1_cell_1"]
    for cell in same:
        names = [n for n in off.nodes if n.startswith(cell)]
        assert [off.nodes[n] for n in names] == [on.nodes[n] for n in names]


def test_pnasnet_always_reads_the_output_before_the_last():
    graph = layout(PNASNET, "imagenet_mobile")
    assert reads(graph, "group_2_cell_2") == ("group_1_cell_3", "group_2_cell_1")


def test_the_auxiliary_head_sits_before_the_second_reduction():
    graph = layout(NASNET, "imagenet_mobile", auxiliary_head=True)
    source = graph.nodes["auxiliary_pool"].inputs[0].name
    assert source == "group_2_cell_4_concat_relu"
    sizes = graph.sizes((224, 224))
    assert sizes["auxiliary_pool"] == (4, 4) and sizes["auxiliary_whole_conv"] == (1, 1)
    large = layout(NASNET, "imagenet_large", auxiliary_head=True)
    assert large.sizes((331, 331))["auxiliary_pool"] == (6, 6)


def test_drop_path_deepens_with_the_cell_and_spares_identities():
    config = presets.configure(NASNET, "cifar", normal_cells=2, drop_path_keep=0.6)
    graph = stack(NASNET, config)
    drops = {
        n.name: n.primitive.keep for n in graph.nodes.values() if isinstance(n.primitive, DropPath)
    }
    cells = cells_of(graph)
    assert len(cells) == 8
    for name, keep in drops.items():
        index = next(i for i, cell in enumerate(cells) if name.startswith(cell))
        assert keep == pytest.approx(1 - (index + 1) / 8 * 0.4)  # TF-slim's drop path "v3"
    # 8 of the 10 sides of the Normal cell and 9 of the Reduction cell are no identities.
    assert len([n for n in drops if n.startswith("group_1_cell_1")]) == 8
    assert len([n for n in drops if n.startswith("reduction_1")]) == 9
    assert not [n for n in layout(NASNET, "cifar").nodes if n.endswith("drop_path")]


@settings(max_examples=60, deadline=None)
@given(random_genotypes(), st.sampled_from(presets.NETWORKS), st.integers(9, 40))
def test_every_genotype_stacks_with_any_filters(genotype, network, filters):
    config = presets.configure(genotype, network, normal_cells=1, filters=filters)
    graph = stack(genotype, config)
    sizes = graph.sizes(config.image_size)
    for node in graph.nodes.values():
        # Maps of one stride have one size: what addition and concatenation rely on.
        assert len({sizes[t.name] for t in node.inputs}) <= 1
    levels = {"cifar": "level_2", "pooled": "level_3", "transitions": "level_3"}
    last = graph.outputs[levels.get(config.stem, "level_5")]
    assert last.channels == penultimate_filters(genotype, config)
    counted = count(list(graph.nodes.values()), None)
    assert counted.trainable > 0


@pytest.mark.parametrize("network", presets.NETWORKS)
def test_the_smallest_image_is_the_smallest(network):
    config = presets.configure(NASNET, network)
    least = minimal_size(NASNET, config)

    def what_is_halved(size: int) -> list[int]:
        graph = stack(NASNET, config.replace(image_size=(least, least)))
        sizes = graph.sizes((size, size))
        cells = [c for c in cells_of(graph) if c.startswith(("stem_", "reduction_"))]
        pools = [f"{name}_pool" for name in ("stem", "transition_1", "transition_2")]
        read = [f"{cell}_squeeze_conv" for cell in cells]
        read += [graph.nodes[name].inputs[0].name for name in pools if name in graph.nodes]
        return [sizes[name][0] for name in read]

    assert min(what_is_halved(least)) == 2
    assert min(what_is_halved(least - 1)) < 2
    with pytest.raises(UserError, match=f"too small .* use at least {least}x{least}"):
        stack(NASNET, config.replace(image_size=(least - 1, 99)))


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"penultimate_filters": 700}, r"700 is not a multiple of 24 .* nearest are 696 and 720"),
        ({"penultimate_filters": 5}, r"nearest are 24 and 48"),
        ({"penultimate_filters": 768, "filters": 32}, "together with filters"),
        ({"filters": 0}, "filters: 0 is too small"),
        ({"normal_cells": 0}, "normal_cells: 0 is too small"),
        ({"drop_path_keep": 0.0}, "drop_path_keep"),
        ({"dropout": 1.0}, "dropout"),
        ({"border_rule": "torch"}, "known are tensorflow, timm, keras"),
        ({"image_size": (8, 8), "auxiliary_head": True}, "smaller than its 5x5 pool"),
    ],
)
def test_impossible_configurations_are_told(changes, sentence):
    with pytest.raises(UserError, match=sentence):
        stack(NASNET, presets.configure(NASNET, "cifar", **changes))


DARTS = catalogue.load("darts_v2")
ENAS = catalogue.load("enas")


def test_darts_and_enas_have_as_many_cells_as_their_code():
    # DARTS: 20 cells with reductions at 20 // 3 and 2 * 20 // 3; 14 cells at 4 and 9.
    assert cells_of(layout(DARTS, "cifar")).index("reduction_1") == 6
    assert cells_of(layout(DARTS, "cifar")).index("reduction_2") == 13
    assert len(cells_of(layout(DARTS, "cifar"))) == 20
    assert cells_of(layout(DARTS, "imagenet_mobile")).index("reduction_2") == 9
    # ENAS: 15 + 2 cells, reductions are numbers 5 and 11.
    assert [c.startswith("reduction") for c in cells_of(layout(ENAS, "cifar"))].index(True) == 5
    assert cells_of(layout(ENAS, "cifar")).index("reduction_2") == 11


def test_darts_fits_both_inputs_always():
    graph = layout(DARTS, "cifar")
    for cell in cells_of(graph):
        after_reduction = f"{cell}_align_conv_1" in graph.nodes
        assert after_reduction == (cell in ("group_2_cell_1", "group_3_cell_1"))
        assert after_reduction or f"{cell}_align_conv" in graph.nodes
    # The first cell reads the stem twice; the last map is not activated.
    assert graph.nodes["group_1_cell_1_align_conv"].inputs == (
        graph.nodes["group_1_cell_1_squeeze_conv"].inputs
    )
    assert graph.nodes["pool"].inputs[0].name == "group_3_cell_6_concat"


def test_darts_large_stem_halves_three_times_and_feeds_two_maps():
    config = presets.configure(DARTS, "imagenet_mobile")
    graph = stack(DARTS, config)
    sizes = graph.sizes((224, 224))
    assert [sizes[f"stem_{i}_bn"] for i in (1, 2, 3)] == [(112, 112), (56, 56), (28, 28)]
    earlier = graph.nodes["group_1_cell_1_align_conv_1"].inputs[0].name
    assert earlier == "stem_2_bn_relu"
    assert graph.nodes["group_1_cell_1_squeeze_conv"].inputs[0].name == "stem_3_bn_relu"
    levels = {name: sizes[t.name][0] for name, t in graph.outputs.items() if "level" in name}
    assert levels == {f"level_{i}": 224 >> i for i in range(1, 6)}


def test_identity_at_stride_2_differs_by_family():
    # Reduction cells with `identity` on a cell input: PNASNet-5's last block, ENAS's fourth.
    slim = layout(PNASNET, "imagenet_mobile")
    assert slim.nodes["stem_1_block_4_right_conv"].primitive.stride == (2, 2)
    enas = layout(ENAS, "cifar")
    side = "reduction_1_block_3_right"
    assert f"{side}_conv_1" in enas.nodes and f"{side}_conv_2" in enas.nodes
    # ENAS reads the state without an activation, DARTS with one.
    assert not enas.nodes[f"{side}_conv_1"].inputs[0].name.endswith("_relu")
    genotype = Genotype("x", DARTS.normal, ENAS.reduction, "darts")
    darts = layout(genotype, "cifar")
    assert darts.nodes[f"{side}_conv_1"].inputs[0].name.endswith("_relu")


def test_enas_squeezes_the_newer_input_twice_where_its_width_differs():
    graph = layout(ENAS, "cifar")
    assert graph.nodes["group_1_cell_2_squeeze_conv"].inputs[0].name == "group_1_cell_2_fit_bn_relu"
    assert not graph.nodes["logits"].primitive.bias


@pytest.mark.parametrize(
    "genotype, place",
    [(NASNET, "group_2_cell_6"), (DARTS, "reduction_2"), (ENAS, "group_3_cell_1")],
)
def test_each_family_has_its_auxiliary_head_at_its_place(genotype, place):
    graph = layout(genotype, "cifar", auxiliary_head=True)
    assert graph.nodes["auxiliary_pool"].inputs[0].name == f"{place}_concat_relu"


def test_rules_that_pad_by_parity_demand_a_size():
    for rule in ("timm", "keras"):
        with pytest.raises(UserError, match="needs a static image_size"):
            stack(NASNET, StackConfig(image_size=None, border_rule=rule))
    with pytest.raises(UserError, match=r"auxiliary_head: .* needs a static image_size"):
        stack(NASNET, StackConfig(image_size=None, auxiliary_head=True))
    with pytest.raises(UserError, match=r"skip_reduction: .* 'transitions' .* no Reduction cells"):
        stack(NASNET, StackConfig(stem="transitions", skip_reduction=True))
    with pytest.raises(UserError, match="empty_group: the 'pooled' stack has cells in every group"):
        stack(NASNET, StackConfig(stem="pooled", empty_group=2))
    without_third = StackConfig(stem="transitions", empty_group=3, auxiliary_head=True)
    with pytest.raises(
        UserError, match=r"auxiliary_head: .* the first cell of group 3, which empty_"
    ):
        stack(ENAS, without_third)
    assert "auxiliary_logits" in stack(NASNET, without_third).outputs
    with pytest.raises(UserError, match="skip_reduction: has no meaning for 'pnasnet'"):
        stack(PNASNET, StackConfig(skip_reduction=True))


def test_unknown_network():
    with pytest.raises(UserError, match="did you mean 'imagenet_large'"):
        presets.configure(NASNET, "imagenet_larg")


def test_an_operation_counts_itself_as_it_counts_in_a_network():
    from cells.operations.operations import OPERATIONS

    # (relu, depthwise 5x5, pointwise, batch norm) twice: 2 (25 C + C^2 + 2 C).
    assert OPERATIONS["sep_conv_5x5"].parameters(32, 32) == 2 * (25 * 32 + 32 * 32 + 2 * 32)
    assert OPERATIONS["sep_conv_5x5"].multiply_adds(32, 32, (8, 8)) == 64 * 2 * (25 * 32 + 32 * 32)
    assert OPERATIONS["conv_1x7_7x1"].parameters(8, 8) == 2 * (7 * 64 + 16)
    assert OPERATIONS["conv_1x7_7x1"].multiply_adds(8, 8, (8, 8), 2) == 7 * 64 * (32 + 16)
    assert OPERATIONS["identity"].parameters(32, 32) == 0
    assert OPERATIONS["identity"].parameters(32, 32, stride=2) == 32 * 32 + 64
    assert OPERATIONS["max_pool_3x3"].parameters(96, 32) == 96 * 32 + 64
    for operation in OPERATIONS.values():
        for stride in (1, 2):
            graph = Graph()
            x = graph.add("x", Input(24))
            y = operation.build(graph, "y", x, 16, stride)
            assert y.channels == 16 and y.stride == (stride, stride)
