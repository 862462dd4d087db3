"""Writes docs/catalogue.md and its thumbnails from the genotypes of the catalogue.

python docs/make_catalogue.py            or: make catalogue
"""

from __future__ import annotations

import pathlib

from cells import drawing
from cells.genotype import catalogue
from cells.genotype.genotype import Genotype
from cells.kinds import files as kinds
from cells.kinds.files import ImageGenotype
from cells.network import presets
from cells.network.stack import stack
from cells.operations.architecture import Architecture
from cells.operations.counts import summarize
from cells.support.files import write_atomically

DOCS = pathlib.Path(__file__).parent
HEAD = """\
# The catalogue

Written by `make catalogue` from the files in `cells/genotype/published/` and
`cells/kinds/published/`. All of them are published but `hand_written`, a yardstick of this project.
`cells show NAME` prints a cell in words, `cells draw NAME` draws it,
`cells summary NAME --network=...` counts any network of it.

Parameters and multiply-adds are counted here, without auxiliary head, and equal those of the
published code (`tests/cells/operations/test_counts.py`). A multiply-add is a product in a
convolution or a fully connected layer; papers of the DARTS family count more. Accuracies are
quoted, with their source; what is marked as quoted from memory should be looked up before it is
relied upon.
"""


def page() -> str:
    """The text of docs/catalogue.md."""
    parts = [HEAD, _overview(), _whole_networks()]
    for name in (*catalogue.names(), *kinds.networks()):
        parts.append(_entry(name, kinds.find_network(name)))
    return "\n".join(parts)


def _overview() -> str:
    lines = [
        "| name | year | stacking | CIFAR: parameters | multiply-adds "
        "| ImageNet, mobile: parameters | multiply-adds |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name in catalogue.names():
        genotype = catalogue.load(name)
        counts = [_counts(genotype, network) for network in ("cifar", "imagenet_mobile")]
        lines.append(
            f"| [{name}](#{name}) | {genotype.provenance['year']} | {genotype.stacking} | "
            + " | ".join(counts)
            + " |"
        )
    return "\n".join(lines) + "\n"


def _whole_networks() -> str:
    lines = [
        "| [whole network](whole_networks.md) | year | kind | images, classes | parameters "
        "| multiply-adds |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name in kinds.networks():
        found = kinds.find_network(name)
        assert isinstance(found, Architecture)
        network = "imagenet_large" if found.published_size else "cifar"
        config = presets.network_config(network, found)
        lines.append(
            f"| [{name}](#{name}) | {found.provenance['year']} | {found.kind} | "
            f"{config.image_size[0]} pixels, {config.num_classes:,} | {_counts(found, network)} |"
        )
    return "\n".join(lines) + "\n"


def _counts(genotype: ImageGenotype, network: str) -> str:
    config = presets.configure(genotype, network)
    counts = summarize(stack(genotype, config), ("logits",), config.image_size)
    return f"{counts.trainable:,} | {counts.multiply_adds:,}"


def _entry(name: str, genotype: ImageGenotype) -> str:
    provenance = genotype.provenance
    what = "The two cells of " if isinstance(genotype, Genotype) else ""
    lines = [f"## {name}", "", f"![{what}{name}](catalogue/{name}.svg)", ""]
    lines.append(provenance["paper"] + (f", {provenance['url']}" if "url" in provenance else ""))
    lines.append("")
    if provenance["checked_against"]:
        lines += [f"Checked against: {'; '.join(provenance['checked_against'])}.", ""]
    if provenance["published"]:
        lines += ["| data | setting | published | parameters | multiply-adds | source |"]
        lines += ["| --- | --- | --- | --- | --- | --- |"]
        lines += [_published(row) for row in provenance["published"]]
        lines.append("")
    return "\n".join(lines)


def _published(row: dict) -> str:
    if "test_error" in row:
        result = f"{row['test_error']:.2f} % error"
    else:
        result = f"{row['top_1']} % top-1, {row['top_5']} % top-5"
    counts = [str(row.get(key, "")) for key in ("parameters", "multiply_adds")]
    source = row.get("source", "")
    return " | ".join(["| " + row["data"], row["setting"], result, *counts, source]) + " |"


def main() -> None:
    """Writes the page and the thumbnails."""
    write_atomically(DOCS / "catalogue.md", page().encode())
    for name in (*catalogue.names(), *kinds.networks()):
        drawing.save(kinds.find_network(name), DOCS / "catalogue" / f"{name}.svg")


if __name__ == "__main__":
    main()
