"""The whole way from a folder of images to a classifier in one call.

    import auto

    result = auto.run("flowers", "mine", budget="30m")

Names are imported when they are first used, so that nothing waits for TensorFlow before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["AutoResult", "run"]

if TYPE_CHECKING:
    from auto.command import AutoResult, run
else:
    from cells.support.lazy import lazy

    __getattr__, __dir__ = lazy(__name__)
