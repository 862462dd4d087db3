"""The eleven mutations keep to the paper's rules, and never make a graph that is none."""

from __future__ import annotations

import collections

import pytest
from graph_chains import chain

from cells.evolved.graph import FIRST, EvolvedGraph
from cells.evolved.mutations import MUTATIONS, Impossible, mutate


def acyclic(graph: EvolvedGraph) -> bool:
    """By taking away vertices that nothing leads to, one by one."""
    edges = {(e.source, e.target, e.id) for e in graph.edges}
    vertices = {v.id for v in graph.vertices}
    while free := vertices - {target for _, target, _ in edges}:
        vertices -= free
        edges = {e for e in edges if e[0] not in free}
    return not vertices


def test_500_mutations_in_a_row_never_give_an_invalid_graph():
    seen = collections.Counter()
    for name, _, child in chain(500, 0):
        seen[name] += 1
        assert acyclic(child)
        assert len({p.id for p in (*child.vertices, *child.edges)}) == len(child.vertices) + len(
            child.edges
        )
    # All that there are, and none much rarer than others because it fails.
    assert set(seen) == set(MUTATIONS) and len(MUTATIONS) == 11
    assert min(seen.values()) > 15
    assert EvolvedGraph.from_dict(child.to_dict()) == child


def parts(graph: EvolvedGraph) -> dict:
    return {p.id: p for p in (*graph.vertices, *graph.edges)}


def test_each_mutation_does_what_the_paper_says():
    changed = collections.defaultdict(list)
    for name, before, after in chain(400, 2):
        old, new = parts(before), parts(after)
        changed[name].append(
            (
                before,
                after,
                [new[i] for i in new if i not in old],
                [old[i] for i in old if i not in new],
                [(old[i], new[i]) for i in old if i in new and old[i] != new[i]],
            )
        )
    for name in ("identity", "reset_weights"):
        assert all(before is after for before, after, *_ in changed[name])
    factors = [b.learning_rate / a.learning_rate for a, b, *_ in changed["alter_learning_rate"]]
    assert 0.5 <= min(factors) < 0.75 and 1.5 < max(factors) <= 2.0
    strides, kinds = set(), set()
    for _, _, (vertex, edge), removed, [(was, now)] in changed["insert_convolution"]:
        assert not removed and edge.target == vertex.id == now.source and edge.source == was.source
        assert edge.convolution.kernel == (3, 3) and edge.convolution.depth_factor == 1.0
        strides.add(edge.convolution.stride)
        kinds.add(vertex.type)
    assert strides == {1, 2} and kinds == {"linear", "bn_relu"}
    for _, _, (vertex, edge), removed, [(was, now)] in changed["insert_one_to_one"]:
        assert not removed and edge.convolution is None and edge.target == vertex.id == now.source
        assert was.source == edge.source
    for before, after, *_ in changed["remove_convolution"]:
        one, other = (sum(e.convolution is not None for e in g.edges) for g in (before, after))
        assert other == one - 1
    for name, fields in (
        ("alter_stride", {"log2_stride"}),
        ("alter_channels", {"depth_factor"}),
        ("filter_size", {"half_height", "half_width"}),
    ):
        touched = set()
        for _, _, added, removed, [(was, now)] in changed[name]:
            assert not added and not removed
            a, b = vars(was.convolution), vars(now.convolution)
            (field,) = (n for n in a if a[n] != b[n])
            touched.add(field)
            near = 0 <= b[field] <= a[field] + 1 and a[field] < 1 and field != "depth_factor"
            assert near or a[field] / 2 <= b[field] <= 2 * a[field]
        assert touched == fields
    for before, _, (edge,), removed, rest in changed["add_skip"]:
        backbone = ["input", *(e.target for e in before.backbone)]
        assert edge.convolution is None and not removed and not rest
        assert backbone.index(edge.source) < backbone.index(edge.target)
        assert not any((e.source, e.target) == (edge.source, edge.target) for e in before.edges)
    for before, after, added, [edge], rest in changed["remove_skip"]:
        assert not added and not rest and before.backbone == after.backbone
        assert edge not in before.backbone


def test_channels_are_drawn_between_half_and_twice():
    graph = mutate(FIRST, "insert_convolution", 0)
    made = set()
    for seed in range(200):
        child = mutate(graph, "alter_channels", seed)
        (conv,) = (e.convolution for e in child.edges if e.convolution)
        made.add(conv.channels(10))
    # The paper's example: 10 become 5 to 20.
    assert made == set(range(5, 21))


def test_strides_and_filters_can_leave_what_they_begin_with():
    graph = mutate(FIRST, "insert_convolution", 1)
    for name, field in (("alter_stride", "stride"), ("filter_size", "kernel")):
        found = set()
        for _ in range(3):
            for seed in range(40):
                child = mutate(graph, name, seed)
                found.add(getattr(next(e for e in child.edges if e.convolution).convolution, field))
        assert len(found) > 1


@pytest.mark.parametrize("name", ["remove_convolution", "alter_channels", "remove_skip"])
def test_what_finds_nothing_to_mutate_is_impossible(name):
    with pytest.raises(Impossible):
        mutate(FIRST, name, 0)


def test_a_mutation_is_a_function_of_parent_and_seed():
    for name, before, after in chain(60, 3):
        if name in ("insert_convolution", "add_skip"):
            assert mutate(before, name, 5) == mutate(before, name, 5)
            assert after.layout((32, 32), 10).nodes
