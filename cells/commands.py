"""The subcommands of `cells`, one function each: parsed arguments in, lines to print out."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cells import api, shipped
from cells.genotype import catalogue, genotype_file
from cells.genotype.genotype import Genotype
from cells.genotype.notations import find_format
from cells.kinds import files as kinds
from cells.kinds.words import words_of
from cells.network import presets
from cells.network.stack import stack
from cells.network.stack_config import StackConfig, penultimate_filters
from cells.operations.architecture import Architecture
from cells.operations.counts import auxiliary_summary, summarize
from cells.operations.operations import OPERATIONS
from cells.recurrent import catalogue as recurrent_catalogue
from cells.recurrent.counts import shapes
from cells.recurrent.genotype import RecurrentGenotype
from cells.support import registry
from cells.support.errors import UserError, about
from cells.support.files import atomic_path, expanded, read_text, write_atomically


def list_catalogue(args: argparse.Namespace) -> Iterator[str]:
    """`cells list`: the published genotypes."""
    names = [*catalogue.names(), *kinds.networks()]
    columns, told = ["stacking", "parameters", "CIFAR-10 error", "ImageNet top-1"], _figures
    if args.recurrent:
        names = [recurrent_catalogue.PREFIX + name for name in recurrent_catalogue.names()]
        columns, told = ["what"], _size
    genotypes = {name: kinds.find(name) for name in names}
    if args.json:
        yield json.dumps(
            [
                {"name": name, "title": g.name, words_of(g).form: _form(g), **g.provenance}
                for name, g in genotypes.items()
            ]
        )
        return
    rows = [(name, *told(g), _authors(g)) for name, g in genotypes.items()]
    yield from _table([("name", *columns, "by"), *rows])
    if not args.recurrent:
        yield (
            "parameters for 10 classes, of cells at N = 6, F = 32; error and accuracy as "
            "published, ImageNet at 224 pixels; cells show NAME names the paper; cells list "
            "--recurrent: recurrent cells"
        )


def _form(genotype: kinds.AnyGenotype) -> str:
    """How cells are stacked, or what form of its kind it is."""
    return getattr(genotype, words_of(genotype).form)


def _size(genotype: kinds.AnyGenotype) -> Iterator[str]:
    yield words_of(genotype).title(genotype).removeprefix("recurrent ")


def _figures(genotype: Any) -> Iterator[str]:
    """What tells published networks apart: their size here, and what was published of them."""
    yield _form(genotype)
    yield f"{api.summarize(genotype).trainable:,}"
    published = genotype.provenance.get("published", ())
    errors = [p["test_error"] for p in published if p["data"] == "CIFAR-10" and "test_error" in p]
    mobile = [p["top_1"] for p in published if "224" in p["setting"] and "top_1" in p]
    yield f"{min(errors):.2f} %" if errors else "-"
    yield f"{max(mobile):.1f} %" if mobile else "-"


def _authors(genotype: kinds.AnyGenotype) -> str:
    """Such as `Zoph et al., CVPR 2018`."""
    paper = genotype.provenance.get("paper", "")
    if "url" not in genotype.provenance and not paper.endswith(str(genotype.provenance["year"])):
        return "this project"
    first = paper.split(",")[0].split(" et al")[0]
    return f"{first} et al., {paper.rsplit('. ', 1)[-1]}"


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows whose columns stand below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip()


def show(args: argparse.Namespace) -> Iterator[str]:
    """`cells show`: a genotype in words, or as its file."""
    genotype = kinds.find(args.genotype)
    if args.json:
        yield kinds.dumps(genotype).rstrip("\n")
        return
    yield f"{genotype.name} ({words_of(genotype).title(genotype)})"
    for heading, lines in words_of(genotype).parts(genotype):
        yield f"\n{heading}" if heading else ""
        yield from (f"  {line}" for line in lines)
    told = {key: _told(value) for key, value in genotype.provenance.items()}
    yield ""
    yield from (f"{key}: {value}" for key, value in told.items() if value)
    if more := [key for key, value in told.items() if not value]:
        yield f"{', '.join(more)}: see --json"


def _told(value: Any) -> str:
    """A value of the provenance on a short line; empty where it has no place there."""
    if isinstance(value, Mapping):
        each = {key: _told(inner) for key, inner in value.items()}
        text = (
            ", ".join(f"{key} {inner}" for key, inner in each.items()) if all(each.values()) else ""
        )
    elif isinstance(value, float):
        text = f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    elif value is None or isinstance(value, list):
        text = ""
    else:
        text = str(value)
    return text if len(text) <= 160 else ""


def operations(args: argparse.Namespace) -> Iterator[str]:
    """`cells operations`: the names that a genotype may use."""
    registry.import_installed()
    rows = [
        {
            "name": o.name,
            "kind": o.kind,
            "title": o.title,
            "parameters": o.parameters(args.filters, args.filters),
        }
        for o in OPERATIONS.values()
    ]
    if args.json:
        yield json.dumps(rows)
        return
    head = ("name", "kind", "title", f"parameters at {args.filters} filters")
    shown = [
        (str(r["name"]), str(r["kind"]), str(r["title"]), f"{r['parameters']:,}") for r in rows
    ]
    yield from _table([head, *shown])


def docs(args: argparse.Namespace) -> Iterator[str]:
    """`cells docs`: a page of the documentation, or which there are."""
    if args.page is not None:
        yield shipped.page(args.page).rstrip("\n")
        return
    for name in shipped.pages():
        title = shipped.page(name).partition("\n")[0].lstrip("# ")
        yield f"{name:<14} {title}"


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


def draw(args: argparse.Namespace) -> Iterator[str]:
    """`cells draw`: a picture of the cells."""
    api.draw(args.genotype, args.output, dark=args.dark, annotated=not args.plain)
    yield os.fspath(args.output)


def validate(args: argparse.Namespace) -> Iterator[str]:
    """`cells validate`: whether genotype files are well formed."""
    for path in args.files:
        genotype = kinds.read(path)
        if isinstance(genotype, Architecture):
            with about(path):
                genotype.require_possible()
        what = words_of(genotype).title(genotype)
        if isinstance(genotype, Genotype):
            what += f", {' and '.join(str(len(cell.blocks)) for _, cell in genotype.cells)} blocks"
        yield f"{path}: {genotype.name}, {what}: valid"


def convert(args: argparse.Namespace) -> Iterator[str]:
    """`cells convert`: a genotype in another notation."""
    reading, writing = find_format(args.source), find_format(args.to)
    text = _text_of(args.input, reading.most)
    with about(args.input):
        genotype = reading.read(text, args.name) if reading.several else reading.read(text)
    if args.name:
        genotype = dataclasses.replace(genotype, name=args.name)
    written = writing.write(genotype)
    if args.output:
        write_atomically(args.output, written.encode())
        yield os.fspath(args.output)
    else:
        yield written.rstrip("\n")


def _text_of(name: str, most: int) -> str:
    """The text of a file, of standard input for `-`, or of a catalogue entry."""
    if name in catalogue.names() and not os.path.exists(name):
        return genotype_file.dumps(catalogue.load(name))
    if name != "-":
        return read_text(name, "genotype", most)
    data = sys.stdin.buffer.read(most + 1)
    if len(data) > most:
        raise UserError(f"{name}: longer than {most:,} bytes, so it is not a genotype")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{name}: is not UTF-8 text (byte {error.start:,})") from None


def diff(args: argparse.Namespace) -> Iterator[str]:
    """`cells diff`: what changed between two genotypes."""
    old, new = kinds.find(args.old), kinds.find(args.new)
    if type(old) is not type(new):
        raise UserError(
            f"diff: {args.old} and {args.new} are of different kinds (image cells, recurrent "
            "cells, whole networks); compare two of one kind"
        )
    yield from words_of(old).differences(old, new)


def import_weights(args: argparse.Namespace) -> Iterator[str]:
    """`cells import-weights`: trained weights of Keras Applications or timm."""
    if not args.output.endswith((".safetensors", ".keras")):
        raise UserError(
            f"--output: {args.output} must end in .safetensors (weights with their genotype) or "
            ".keras (a model that Keras alone opens)"
        )
    from cells import weights
    from cells.weights import weights_file

    imported = weights.import_weights(
        args.source, args.file, args.genotype, num_classes=args.num_classes
    )
    if args.output.endswith(".keras"):
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        import keras

        model = weights_file.build(imported.weights, keras)
        with atomic_path(args.output) as temporary:
            model.save(temporary)
    else:
        weights_file.write(imported.weights, args.output)
    yield f"{args.output}: {imported.said}"


def dataset(args: argparse.Namespace) -> Iterator[str]:
    """`cells dataset`: a prepared TFDS set of a folder of images."""

    from cells.data import conversion, image_folders

    root = expanded(args.folder)
    images = image_folders.find(root)
    if images is None:
        raise UserError(
            f"{root}: holds no images as CLASS/* or SPLIT/CLASS/* (files that end in "
            f"{', '.join(image_folders.ENDINGS)})"
            if root.is_dir()
            else f"{root}: there is no such folder"
        )
    if images.splits and (args.test is not None or args.seed is not None):
        have = ", ".join(images.splits)
        raise UserError(f"--test, --seed: {root} has its own splits ({have}); leave them out")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    output = expanded(args.output)
    folder = conversion.convert(
        images,
        output,
        args.name or images.set_name,
        test=conversion.TEST if args.test is None else args.test,
        seed=conversion.SEED if args.seed is None else args.seed,
    )
    yield from conversion.described(folder, most=None)
    yield f"use it as images.name={folder.parent.name} with --data_dir={output}"
