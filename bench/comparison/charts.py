"""Charts as inline SVG. Colours are CSS variables, which differ between light and dark pages."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 960
COLUMNS = 3
PANEL_HEIGHT = 96
GAP = 28

STYLE = """
:root { --ground: #ffffff; --ink: #1c2128; --soft: #656d76; --line: #d8dde3;
  --product: #0a7d6c; --peer: #4a74b4; --usual: #b06f12; --own: #a13d3d; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #14171c; --ink: #e3e7ec; --soft: #98a2ad; --line: #343b45;
  --product: #3fc7b0; --peer: #83a9e6; --usual: #e0a94f; --own: #e08a8a; } }
svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
svg .soft { fill: var(--soft); } svg .axis { stroke: var(--line); }
svg .strong { font-weight: 600; }
"""


@dataclass(frozen=True, slots=True)
class Panel:
    """One small chart: values at equal steps of time. colour: product, peer, usual or own."""

    title: str
    note: str
    colour: str
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar from 0 to `value`, with the spread of its repeats from `low` to `high`."""

    title: str
    colour: str
    value: float
    low: float
    high: float
    label: str


def multiples(panels: Sequence[Panel], base: Sequence[float], *, what: str) -> str:
    """Draw one small chart for each panel, all on one scale, with the line of `base` in each. what: the label."""
    top = max([*base, *(value for panel in panels for value in panel.values), 1.0])
    width = (WIDTH - GAP * (COLUMNS - 1)) / COLUMNS
    drawn = []
    for i, panel in enumerate(panels):
        x, y = (i % COLUMNS) * (width + GAP), (i // COLUMNS) * (PANEL_HEIGHT + 2 * GAP) + 34
        drawn.append(f'<g transform="translate({x:.1f},{y})">{_panel(panel, base, width, top)}</g>')
    rows = math.ceil(len(panels) / COLUMNS)
    height = rows * (PANEL_HEIGHT + 2 * GAP)
    return _svg(height, what, "".join(drawn))


def _panel(panel: Panel, base: Sequence[float], width: float, top: float) -> str:
    parts = [
        f'<text class="strong" y="-18">{escape(panel.title)}</text>',
        f'<text class="soft" y="-4">{escape(panel.note)}</text>',
        f'<line class="axis" x1="0" x2="{width:.1f}" y1="{PANEL_HEIGHT}" y2="{PANEL_HEIGHT}"/>',
    ]
    if panel.values is not base:
        parts.append(_line(base, width, top, "product", 0.9))
    area = f"0,{PANEL_HEIGHT} {_points(panel.values, width, top)} {width:.1f},{PANEL_HEIGHT}"
    parts.append(f'<polygon points="{area}" fill="var(--{panel.colour})" fill-opacity="0.3"/>')
    parts.append(_line(panel.values, width, top, panel.colour, 1.6))
    return "".join(parts)


def _line(values: Sequence[float], width: float, top: float, colour: str, stroke: float) -> str:
    points = _points(values, width, top)
    return f'<polyline points="{points}" fill="none" stroke="var(--{colour})" stroke-width="{stroke}"/>'


def _points(values: Sequence[float], width: float, top: float) -> str:
    step = width / max(1, len(values) - 1)
    return " ".join(
        f"{i * step:.1f},{PANEL_HEIGHT * (1 - value / top):.1f}" for i, value in enumerate(values)
    )


def bars(rows: Sequence[Bar], *, what: str, logarithmic: bool = False) -> str:
    """Draw horizontal bars, one for each row. logarithmic: for values that are orders of magnitude apart."""
    left, right, height = 250, 110, 22
    finite = [row.high for row in rows if math.isfinite(row.high)]
    top, least = max([*finite, 1e-9]), min([row.low for row in rows if row.low > 0] or [1.0])

    def place(value: float) -> float:
        if not logarithmic:
            share = value / top
        else:
            floor = least / 2
            share = math.log(max(value, floor) / floor) / math.log(top / floor)
        return left + (WIDTH - left - right) * max(0.0, min(1.0, share))

    drawn = []
    for i, row in enumerate(rows):
        y = i * height + 4
        end, middle = place(row.value), y + height / 2 - 3
        weight = ' class="strong"' if row.colour == "product" else ""
        drawn.append(f'<text{weight} x="0" y="{y + 13}">{escape(row.title)}</text>')
        drawn.append(
            f'<rect x="{left}" y="{y + 2}" width="{max(1.0, end - left):.1f}" height="{height - 8}" '
            f'rx="2" fill="var(--{row.colour})"/>'
        )
        if row.high > row.low:
            low, high = place(row.low), place(row.high)
            ends = f'x1="{low:.1f}" x2="{high:.1f}" y1="{middle:.1f}" y2="{middle:.1f}"'
            drawn.append(f'<line {ends} stroke="var(--ink)"/>')
        beyond = max(end, place(row.high))
        drawn.append(f'<text x="{beyond + 8:.1f}" y="{y + 13}">{escape(row.label)}</text>')
    return _svg(len(rows) * height + 8, what, "".join(drawn))


def _svg(height: float, what: str, inside: str) -> str:
    size = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="100%"'
    return f'<svg {size} role="img" aria-label="{escape(what)}">{inside}</svg>'


def standalone(svg: str) -> str:
    """Return a chart with a style of its own, which can be shown outside the page."""
    head, _, rest = svg.partition(">")
    ground = '<rect width="100%" height="100%" fill="var(--ground)"/>'
    return f"{head}><style>{STYLE}</style>{ground}{rest}\n"
