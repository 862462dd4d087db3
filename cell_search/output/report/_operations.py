"""Which operations a search proposed in its course: what its strategy has learnt, at a glance."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from optuna.trial import FrozenTrial

from cell_search.output import charts
from cell_search.space.space import Decision, Space

#: The kind of decisions that is shown; where a space has none of it, all decisions are.
_KIND = "operation"

#: A search has at most so many stretches, none of fewer trials than the other number unless it has
#: fewer in all. So many different choices are shown at most, the most frequent.
_STRETCHES, _LEAST, _CHOICES = 40, 10, 24


@dataclass(frozen=True)
class Frequencies:
    """How often choices were made.

    Attributes:
        parts: the share of each choice in stretches of trials, most frequent at last first.
        expected: the share of each in random points.
        trials: in a stretch.
    """

    parts: dict[str, list[float]]
    expected: dict[str, float]
    trials: int


def frequencies(known: Sequence[FrozenTrial], space: Space) -> Frequencies | None:
    """Counts the choices of operations in a search; None where there is nothing to count.

    Args:
        known: all trials, by number, whatever became of them: they were proposed.
        space: says which decisions are operations.
    """
    decisions = _decisions(space)
    proposed = [t for t in known if t.params]
    length = max(_LEAST, -(-len(proposed) // _STRETCHES))
    # What is left over joins the last stretch.
    edges = [*range(0, max(len(proposed) - length + 1, 1), length)]
    counts = []
    for start, end in zip(edges, [*edges[1:], len(proposed)], strict=True):
        made = Counter(
            str(t.params[d.name])
            for t in proposed[start:end]
            for d in decisions
            if d.name in t.params
        )
        if total := made.total():
            counts.append({choice: count / total for choice, count in made.items()})
    if not counts:
        return None
    expected: defaultdict[str, float] = defaultdict(float)
    for decision in decisions:
        for choice in decision.choices:
            expected[str(choice)] += 1 / len(decision.choices) / len(decisions)
    parts = {choice: [c.get(choice, 0.0) for c in counts] for choice in expected}
    order = sorted(parts, key=lambda choice: (-parts[choice][-1], -sum(parts[choice])))
    return Frequencies({c: parts[c] for c in order[:_CHOICES]}, dict(expected), length)


def _decisions(space: Space) -> list[Decision]:
    return [d for d in space.decisions if d.kind == _KIND] or list(space.decisions)


def operations(known: Sequence[FrozenTrial], space: Space) -> str:
    """The section of the page."""
    found = frequencies(known, space)
    # One stretch is no course: its lines would be level.
    if found is None or len(next(iter(found.parts.values()))) < 2:
        return ""
    what = "Operations" if any(d.kind == _KIND for d in space.decisions) else "Choices"
    return (
        f"<h2>{what} in the course of the search</h2>"
        f"<p class=lead>Shares among the {len(_decisions(space))} decisions of each proposal, in "
        f"stretches of {found.trials} trials, the last one's in numbers; dashed: random "
        "proposals.</p>" + charts.shares(found.parts, found.expected)
    )
