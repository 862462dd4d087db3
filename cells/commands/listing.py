"""What there is: published genotypes, operations, pages."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cells import api, shipped
from cells.genotype import catalogue
from cells.kinds import files as kinds
from cells.kinds.words import words_of
from cells.operations.operations import OPERATIONS
from cells.recurrent import catalogue as recurrent_catalogue
from cells.support import registry


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
