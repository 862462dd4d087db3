"""Genotype files of every kind, by the field `kind`; image cells have none.

A further kind of whole network is a subclass of `Architecture` and a row in `_NETWORKS`.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
from typing import Any, TypeAlias

from cells.evolved.graph import EvolvedGraph
from cells.genotype import catalogue, genotype_file
from cells.genotype.genotype import Genotype
from cells.layerwise.network import LayerwiseNetwork
from cells.operations.architecture import Architecture
from cells.recurrent import catalogue as recurrent_catalogue
from cells.recurrent import recurrent_file
from cells.recurrent.genotype import RecurrentGenotype
from cells.support import json_file
from cells.support.errors import cut, require_known
from cells.support.files import json_text, write_atomically

#: Whole networks by the kind of their files.
_NETWORKS: dict[str, type[Architecture]] = {
    network.kind: network for network in (LayerwiseNetwork, EvolvedGraph)
}

#: What stands for one network of images: cells, which are to be stacked, or all of it.
ImageGenotype: TypeAlias = Genotype | Architecture

AnyGenotype: TypeAlias = Genotype | Architecture | RecurrentGenotype

_FOLDER = pathlib.Path(__file__).parent / "published"


def read(path: str | os.PathLike[str]) -> AnyGenotype:
    """Reads a file of any kind.

    Args:
        path: a JSON file.

    Raises:
        UserError: one sentence that names the file, the field and the remedy.
    """
    return genotype_file.read_as(path, from_dict)


def from_dict(data: Any) -> AnyGenotype:
    """Checks JSON values of any kind and makes of them what they stand for.

    Args:
        data: JSON values, from anybody.

    Raises:
        UserError: one sentence that names the field and the remedy.
    """
    kind = data.get("kind") if isinstance(data, dict) else None
    if kind is None:
        return genotype_file.from_dict(data)
    genotype_file.check_version(data)
    if kind == genotype_file.RECURRENT:
        return recurrent_file.from_dict(data)
    kinds = [genotype_file.RECURRENT, *_NETWORKS]
    return _NETWORKS[require_known("kind", cut(str(kind)), kinds)].from_dict(data)


def parse(text: bytes | str) -> AnyGenotype:
    """Parses the text of a file of any kind.

    Args:
        text: JSON.

    Raises:
        UserError: one sentence that names the field and the remedy.
    """
    return from_dict(json_file.loads(text, "genotype"))


def to_dict(genotype: ImageGenotype) -> dict[str, Any]:
    """What an image network is made of as JSON values, as its file holds it.

    Args:
        genotype: cells, or a whole network.
    """
    return genotype_file.to_dict(genotype) if isinstance(genotype, Genotype) else genotype.to_dict()


def same(one: ImageGenotype, other: ImageGenotype) -> bool:
    """Whether two are made of the same, so that the weights of one fit the other, by whatever name.

    Args:
        one, other: cells, or whole networks.
    """
    renamed: Any = one
    return type(one) is type(other) and dataclasses.replace(renamed, name=other.name) == other


def image_genotype(found: AnyGenotype) -> ImageGenotype:
    """What was found, if an image network can be made of it.

    Args:
        found: of any kind.

    Raises:
        UserError: it is a recurrent cell.
    """
    if isinstance(found, RecurrentGenotype):
        raise genotype_file.not_image_cells("genotype")
    return found


def dumps(genotype: AnyGenotype) -> str:
    """The text of its file: stable, ends with a newline.

    Args:
        genotype: of any kind.

    Raises:
        UserError: the provenance holds what no JSON file can hold.
    """
    if isinstance(genotype, Genotype):
        return genotype_file.dumps(genotype)
    if isinstance(genotype, RecurrentGenotype):
        return recurrent_file.dumps(genotype)
    return genotype_file.joined(json_text(genotype.to_dict()), 4, ())


def write(genotype: AnyGenotype, path: str | os.PathLike[str]) -> None:
    """Writes a file, complete or not at all.

    Args:
        genotype: of any kind.
        path: of the file; missing folders are made.

    Raises:
        UserError: the file cannot be written, or cannot hold the provenance.
    """
    write_atomically(path, dumps(genotype).encode())


def networks() -> list[str]:
    """The names of the published whole networks."""
    return sorted(path.stem for path in _FOLDER.glob("*.json"))


def find(name_or_path: str) -> AnyGenotype:
    """Loads what a name or a path stands for.

    Args:
        name_or_path: a name of the catalogue of image cells or of `networks`, `recurrent:NAME`, or
            the path of a file.

    Raises:
        UserError: there is no such thing, or its file is malformed.
    """
    if name_or_path.startswith(recurrent_catalogue.PREFIX):
        return recurrent_catalogue.load(name_or_path)
    if catalogue.is_path(name_or_path):
        return read(name_or_path)
    if name_or_path in networks():
        return read(_FOLDER / f"{name_or_path}.json")
    return catalogue.load(name_or_path, networks())


def find_network(name_or_path: str) -> ImageGenotype:
    """The same for what an image network is made of.

    Args:
        name_or_path: what `find` takes, but for recurrent cells.

    Raises:
        UserError: there is no such thing, its file is malformed, or holds a recurrent cell.
    """
    return image_genotype(find(name_or_path))
