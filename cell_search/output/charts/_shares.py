"""How often each choice was made in the course of a search, as small charts side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

_WIDTH, _HEIGHT = 200, 56


def shares(parts: Mapping[str, Sequence[float]], expected: Mapping[str, float]) -> str:
    """One small chart for each choice, all with the same height for the same share.

    Args:
        parts: the share of each choice in each of the same stretches of the search.
        expected: what random proposals would give.
    """
    top = max([*expected.values(), *(share for line in parts.values() for share in line)])
    figures = "".join(_figure(name, line, expected[name], top) for name, line in parts.items())
    return f"<div class=shares>{figures}</div>"


def _figure(name: str, line: Sequence[float], expected: float, top: float) -> str:
    def y(share: float) -> float:
        return _HEIGHT - (_HEIGHT - 2) * share / top

    heights = [y(share) for share in line]
    step = _WIDTH / max(len(heights) - 1, 1)
    # One stretch alone is a level line.
    places = [(i * step, h) for i, h in enumerate(heights)] or [(0.0, y(0))]
    if len(places) == 1:
        places.append((_WIDTH, places[0][1]))
    path = "L".join(f"{x:.1f} {h:.1f}" for x, h in places)
    told = f"{name}: {line[0]:.1%} at first, {line[-1]:.1%} at last"
    return (
        f"<figure><figcaption><b>{escape(name)}</b> <span>{line[-1]:.1%}</span></figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio=none role=img '
        f'aria-label="{escape(told, quote=True)}"><title>{escape(told)}</title>'
        f'<path class=area d="M0 {_HEIGHT}L{path}L{_WIDTH} {_HEIGHT}Z"/>'
        f'<path class=median d="M0 {y(expected):.1f}H{_WIDTH}"/>'
        f'<path class=best d="M{path}"/></svg></figure>'
    )
