"""Charts of a search as SVG elements whose colours are those of the page around them."""

from __future__ import annotations

from cell_search.output.charts._busy import busy
from cell_search.output.charts._curve import curve, running_median
from cell_search.output.charts._scatter import comparison, scatter
from cell_search.output.charts._shares import shares

__all__ = ["busy", "comparison", "curve", "running_median", "scatter", "shares"]
