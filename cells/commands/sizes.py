"""How large the network of a genotype is."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from cells.kinds import files as kinds
from cells.kinds.words import words_of
from cells.network import presets
from cells.network.stack import stack
from cells.network.stack_config import StackConfig, penultimate_filters
from cells.operations.architecture import Architecture
from cells.operations.counts import auxiliary_summary, summarize
from cells.recurrent.counts import shapes
from cells.recurrent.genotype import RecurrentGenotype
from cells.support.errors import UserError


def summary(
    args: argparse.Namespace, costs: Mapping[str, float] | None = None, machine: str = ""
) -> Iterator[str]:
    """`cells summary`: parameters and multiply-adds of a genotype's network.

    Args:
        args: of the command line.
        costs: `step_seconds` and `inference_ms` of the network, where they are asked for.
        machine: what they are predicted for.
    """
    found = kinds.find(args.genotype)
    if isinstance(found, RecurrentGenotype):
        yield from _recurrent_summary(found, args)
        return
    genotype, config = configured(args)
    graph = stack(genotype, config)
    output = "features" if config.num_classes is None else "logits"
    counts = summarize(graph, (output,), config.image_size)
    head = None
    if config.auxiliary_head and config.image_size:
        head = auxiliary_summary(graph, config.image_size)
    if args.json:
        values = dataclasses.asdict(counts)
        if head:
            values["auxiliary_head"] = dataclasses.asdict(head)
        values |= costs or {}
        yield json.dumps(values)
        return
    size = "any size" if config.image_size is None else "{}x{}".format(*config.image_size)
    if isinstance(genotype, Architecture):
        yield f"{genotype.name}, {genotype.title}: images of {size}"
    else:
        yield (
            f"{genotype.name}, {args.network}: N = {config.normal_cells}, F = {config.filters}, "
            f"{_without(config)}"
            f"{config.normal_cells} @ {penultimate_filters(genotype, config)}, images of {size}"
        )
    yield f"trainable parameters  {counts.trainable:>16,}"
    yield f"with batch statistics {counts.total:>16,}"
    if counts.multiply_adds is not None:
        yield f"multiply-adds         {counts.multiply_adds:>16,}"
    if head:
        yield f"auxiliary head        {head.trainable:>16,} trainable, {head.total:,} in all"
    if costs:
        step = 1000.0 * costs["step_seconds"]
        yield f"a training step       {step:>16,.1f} ms, {args.batch} images"
        yield f"an answer             {costs['inference_ms']:>16,.2f} ms"
        yield f"(predicted for {machine})"


def _without(config: StackConfig) -> str:
    return f"no cells in group {config.empty_group}, " if config.empty_group else ""


#: Flags of `cells summary` that name a network, and say nothing of a recurrent cell.
_OF_NETWORKS = (
    "network",
    "normal_cells",
    "empty_group",
    "filters",
    "penultimate_filters",
    "stem_filters",
    "num_classes",
    "image_size",
    "skip_reduction",
    "border_rule",
    "auxiliary_head",
    "auxiliary_scale",
)


def _recurrent_summary(genotype: RecurrentGenotype, args: argparse.Namespace) -> Iterator[str]:
    if given := [flag for flag in _OF_NETWORKS if getattr(args, flag) not in (None, "cifar")]:
        raise UserError(f"--{given[0]}: is for networks of image cells; leave it out")
    inputs = args.inputs or args.units
    weights = shapes(genotype.cell, inputs, args.units)
    parameters = sum(map(math.prod, weights.values()))
    if args.json:
        yield json.dumps({"trainable": parameters, "total": parameters})
        return
    what = words_of(genotype).title(genotype)
    yield f"{genotype.name}, {what}: {args.units} units, inputs of {inputs}"
    yield f"trainable parameters  {parameters:>16,}"
    yield from (f"  {name} {shape}" for name, shape in weights.items())


def configured(args: argparse.Namespace) -> tuple[kinds.ImageGenotype, StackConfig]:
    """The genotype and the network that the arguments of `summary` name."""
    genotype = kinds.find_network(args.genotype)
    given: dict[str, Any] = {name: getattr(args, name) for name in _OF_NETWORKS}
    if args.image_size is not None:
        given["image_size"] = image_size(args.image_size)
    # 0 leaves the head out; where nothing is said, it is the network's own.
    if (classes := given.pop("num_classes")) is not None:
        given["num_classes"] = classes or None
    return genotype, presets.configure(genotype, **given)


def image_size(text: str) -> tuple[int, int]:
    """Reads `224` or `HEIGHTxWIDTH`.

    Raises:
        UserError: it is neither.
    """
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(p.isdecimal() and len(p) <= 6 for p in parts):
        raise UserError(f"--image_size: {text[:40]!r} is not a size; write 224 or 224x320")
    return int(parts[0]), int(parts[-1])
