"""What the shape of the code must keep to."""

from __future__ import annotations

#: Modules in one folder; `__init__`, `__main__` and data files do not count.
MODULES_IN_FOLDER = 15

#: Folders of fewer modules are listed: they may be one file, or belong to a neighbour.
SMALL_FOLDER = 3

#: Circles of imports, between folders and between files.
CIRCLES = 0

#: Lines of a module, median.
MEDIAN_LINES = 120

#: Share of the public functions that take arguments whose docstring has the section `Args:`.
ARGS_SHARE = 0.5

#: Lines of logic in the product packages at commit d46145e, the last one before the modules were
#: moved into smaller folders: a better order must not cost more code.
PRODUCT_LOGIC = 21_403
