"""How many examples a split holds, and which split is for the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cells.support.errors import UserError, nearest

if TYPE_CHECKING:
    import tensorflow_datasets as tfds


def split_size(builder: tfds.core.DatasetBuilder, split: str) -> int:
    """Returns how many examples the split holds: at least 1.

    Args:
        builder: a prepared builder, as from `cells.data.builder`.
        split: a split as TFDS writes it: `train`, `train[:90%]`, `train[100:200]`, `train+test`.

    Raises:
        UserError: for a split that the set lacks, that TFDS cannot read, that reaches beyond the
            examples, or that holds none.
    """
    splits = builder.info.splits
    have = ", ".join(splits)
    try:
        size = int(splits[split].num_examples)
    except (ValueError, KeyError) as error:
        base = split.split("[")[0].split("+")[0].strip()
        if base not in splits:
            raise UserError(
                f"{builder.info.full_name} has no split {split!r}: "
                f"{nearest(base, splits)}it has {have}, and parts of them such as 'train[:90%]'"
            ) from error
        raise UserError(
            f"split {split!r} of {builder.info.full_name} cannot be read: {_sizes(splits)}, "
            "and a part is written such as 'train[:90%]' or 'train[100:200]'"
        ) from error
    # TFDS counts a part whose end lies before its beginning as negative.
    if size <= 0:
        raise UserError(
            f"split {split!r} of {builder.info.full_name} holds no example: {_sizes(splits)}"
        )
    return size


#: Splits that score what is finished, the first that a set has.
_SCORING = ("test", "validation", "val", "valid", "dev")


def test_split(builder: tfds.core.DatasetBuilder) -> str | None:
    """Returns the split that scores what is finished, which no search may see.

    That is `test`; in a set that has none, such as imagenet2012, the one for validation; None
    where there is neither.
    """
    return next((name for name in _SCORING if name in builder.info.splits), None)


def names_split(split: str, name: str) -> bool:
    """Returns whether `train[:90%]+test` and the like read from the split of that name."""
    named = {part.split("[")[0].strip() for part in split.split("+")}
    return name in named or "all" in named  # TFDS' word for all splits.


def _sizes(splits: tfds.core.splits.SplitDict) -> str:
    return ", ".join(f"{name} has {info.num_examples:,} examples" for name, info in splits.items())
