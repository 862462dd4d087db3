"""`report.html`: a search on one page that needs nothing else, on light and on dark screens."""

from __future__ import annotations

from cell_search.output.report._page import write

__all__ = ["write"]
