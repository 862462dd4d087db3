"""docs/catalogue.md is what `make catalogue` writes."""

from __future__ import annotations

import importlib.util
import pathlib

from cells import drawing
from cells.genotype import catalogue
from cells.kinds import files

DOCS = pathlib.Path(__file__).parents[3] / "docs"


def test_the_page_is_current():
    spec = importlib.util.spec_from_file_location("make_catalogue", DOCS / "make_catalogue.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (DOCS / "catalogue.md").read_text(encoding="utf-8") == module.page()
    for name in (*catalogue.names(), *files.networks()):
        thumbnail = (DOCS / "catalogue" / f"{name}.svg").read_text(encoding="utf-8")
        assert thumbnail == drawing.svg(files.find_network(name))
