"""Genotype files: drawn, validated, converted, compared."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Iterator

from cells import api
from cells.genotype import catalogue, genotype_file
from cells.genotype.genotype import Genotype
from cells.genotype.notations import find_format
from cells.kinds import files as kinds
from cells.kinds.words import words_of
from cells.operations.architecture import Architecture
from cells.support.errors import UserError, about
from cells.support.files import read_text, write_atomically


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
