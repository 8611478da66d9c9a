"""Plots as inline SVG: lines and bars, drawn without any library, coloured by the page's own style."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from itertools import groupby

__all__ = ["bars", "columns", "lines"]

WIDTH = 720
_LEFT, _RIGHT, _TOP = 52, 14, 14


def nice_ceiling(value: float) -> float:
    """Return the next of 1, 2, 2.5, 5, 10 times a power of ten at or above *value*; 1 for nothing."""
    if value <= 0:
        return 1
    power: float = 10 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value * (1 - 1e-9))


def short(value: float) -> str:
    """Return a number as an axis says it."""
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:,.1f}"  # noqa: PLR2004 one digit


def lines(
    title: str, keys: Sequence[str], series: Sequence[tuple[str, Sequence[float | None]]], height: int = 260
) -> str:
    """Return lines over common keys: ``(name, one value a key)`` each; ``None`` is a gap.

    The colours are the style's c1, c2, ...
    """
    bottom = height - 34
    top = nice_ceiling(max((value for _, values in series for value in values if value is not None), default=0))
    step = (WIDTH - _LEFT - _RIGHT) / max(1, len(keys) - 1)

    def x(n: int) -> float:
        return _LEFT + n * step

    def y(value: float) -> float:
        return bottom - value / top * (bottom - _TOP)

    parts = [_grid(top, bottom)]
    every = max(1, math.ceil(len(keys) / 9))
    parts += (
        f'<text class="tick" x="{x(n):.1f}" y="{bottom + 18}" text-anchor="middle">{escape(keys[n])}</text>'
        for n in range(0, len(keys), every)
    )
    for number, (name, values) in enumerate(series, 1):
        for known, stretch in groupby(enumerate(values), key=lambda point: point[1] is not None):
            points = " ".join(f"{x(n):.1f},{y(value):.1f}" for n, value in stretch if value is not None)
            if known:
                parts.append(
                    f'<polyline class="line c{number}" points="{points}"><title>{escape(name)}</title></polyline>'
                )
        for n, value in enumerate(values) if len(values) <= WIDTH // 10 else ():
            if value is None:
                continue
            parts.append(
                f'<circle class="dot c{number}" cx="{x(n):.1f}" cy="{y(value):.1f}" r="2.4">'
                f"<title>{escape(keys[n])}: {escape(name)} {short(value)}</title></circle>"
            )
    return _figure(title, height, parts, [name for name, _ in series])


def columns(title: str, values: Sequence[tuple[str, float]], height: int = 240) -> str:
    """Return upright bars, one per ``(name, value)``, each with its value above."""
    bottom = height - 34
    top = nice_ceiling(max((value for _, value in values), default=0))
    step = (WIDTH - _LEFT - _RIGHT) / max(1, len(values))
    parts = [_grid(top, bottom)]
    for n, (name, value) in enumerate(values):
        left, tall = _LEFT + n * step + step * 0.14, value / top * (bottom - _TOP)
        middle = left + step * 0.36
        parts.append(
            f'<rect class="bar" x="{left:.1f}" y="{bottom - tall:.1f}" width="{step * 0.72:.1f}" height="{tall:.1f}" rx="2">'
            f"<title>{escape(name)}: {short(value)}</title></rect>"
            f'<text class="value" x="{middle:.1f}" y="{bottom - tall - 4:.1f}" text-anchor="middle">{short(value)}</text>'
            f'<text class="tick" x="{middle:.1f}" y="{bottom + 18}" text-anchor="middle">{escape(name)}</text>'
        )
    return _figure(title, height, parts, [])


def bars(title: str, values: Sequence[tuple[str, float | None, str]]) -> str:
    """Return lying bars: ``(name, value, what stands behind the bar)``; ``None`` has no bar."""
    row, name_width = 24, 190
    height = 10 + row * max(1, len(values))
    top = max((value for _, value, _ in values if value is not None), default=0) or 1
    room = WIDTH - name_width - 130
    parts = []
    for n, (name, value, label) in enumerate(values):
        y = 6 + n * row
        wide = (value or 0) / top * room
        shown = name if len(name) <= 28 else name[:27] + "…"  # noqa: PLR2004 what the margin holds
        parts.append(
            f'<text class="name" x="{name_width - 8}" y="{y + 14}" text-anchor="end">{escape(shown)}</text>'
            f'<rect class="bar" x="{name_width}" y="{y + 3}" width="{wide:.1f}" height="{row - 9}" rx="2">'
            f"<title>{escape(name)}: {escape(label)}</title></rect>"
            f'<text class="value" x="{name_width + wide + 6:.1f}" y="{y + 14}">{escape(label)}</text>'
        )
    return _figure(title, height, parts, [])


def _grid(top: float, bottom: float) -> str:
    parts = []
    for n in range(5):
        value, y = top * n / 4, bottom - n / 4 * (bottom - _TOP)
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="tick" x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{short(value)}</text>'
        )
    return "".join(parts)


def _figure(title: str, height: int, parts: Sequence[str], names: Sequence[str]) -> str:
    entries = "".join(f'<li><i class="c{n}"></i>{escape(name)}</li>' for n, name in enumerate(names, 1))
    legend = f'<ul class="legend">{entries}</ul>' if names else ""
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><svg viewBox="0 0 {WIDTH} {height}" role="img"'
        f' aria-label="{escape(title)}"><title>{escape(title)}</title>{"".join(parts)}</svg>{legend}</figure>'
    )
