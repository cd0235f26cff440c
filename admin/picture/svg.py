"""An animated SVG of what a terminal showed, without a script or a font of its own; pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import TypeAlias
from xml.sax.saxutils import escape

from admin.picture.terminal import Cell, Style

Screen: TypeAlias = tuple[tuple[Cell, ...], ...]

CELL_WIDTH, LINE_HEIGHT, FONT_SIZE = 8.4, 19, 14
PADDING, TITLE_HEIGHT = 18, 34
LAST_SECONDS = 6.0
"""How long the end stays before it begins again."""

BETWEEN_SECONDS_MIN = 0.08
"""Nobody sees a screen that is shown for less."""

_COLORS = {
    "black": "#6b7280",
    "red": "#f87171",
    "green": "#86d993",
    "yellow": "#f2cc60",
    "blue": "#79b8ff",
    "magenta": "#d2a8ff",
    "cyan": "#76e3ea",
    "white": "#f0f3f6",
}
_STYLE = """\
text{{font:{size}px ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;\
fill:#d5dbe3;white-space:pre}}
.t{{font-size:12px;fill:#8b949e}}.b{{font-weight:bold;fill:#f0f3f6}}
@keyframes play{{{frames}}}
.film{{transform:translateX({last}px);animation:play {seconds:.2f}s step-end infinite}}
@media (prefers-reduced-motion:reduce){{.film{{animation:none}}}}"""


def thinned(screens: Sequence[tuple[float, Screen]]) -> list[tuple[float, Screen]]:
    """Without those that are shown for too short a time."""
    kept = [
        each
        for each, following in pairwise(screens)
        if following[0] - each[0] >= BETWEEN_SECONDS_MIN
    ]
    return [*kept, *screens[-1:]]


def picture(title: str, width: int, screens: Sequence[tuple[float, Screen]]) -> str:
    """The SVG; a viewer that does not play it shows the end.

    The screens stand beside each other, and the window shows one after the other. Equal lines are
    there once.
    """
    shown = thinned(screens)
    wide = round(width * CELL_WIDTH + 2 * PADDING)
    high = TITLE_HEIGHT + PADDING + LINE_HEIGHT * max(len(rows) for _, rows in shown)
    seconds = shown[-1][0] + LAST_SECONDS
    frames = "".join(
        f"{100 * at / seconds:.3f}%{{transform:translateX({-number * wide}px)}}"
        for number, (at, _) in enumerate(shown)
    )
    style = _STYLE.format(
        size=FONT_SIZE, frames=frames, last=-(len(shown) - 1) * wide, seconds=seconds
    )
    rows = {row: f"r{number}" for number, row in enumerate(_different(shown))}
    lines = [
        f'<text id="{name}" xml:space="preserve">{_row(row)}</text>' for row, name in rows.items()
    ]
    films = [
        f'<use href="#{rows[row]}" x="{number * wide}" y="{line * LINE_HEIGHT}"/>'
        for number, (_, screen) in enumerate(shown)
        for line, row in enumerate(screen)
        if row
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}"'
            f' height="{high}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{style}</style>",
            "<defs>",
            *lines,
            "</defs>",
            f'<rect width="{wide}" height="{high}" rx="9" fill="#161b22"/>',
            *_window(title, wide),
            f'<svg x="{PADDING}" y="{TITLE_HEIGHT}" width="{wide - PADDING}"'
            f' height="{high - TITLE_HEIGHT}"><g class="film">',
            *films,
            "</g></svg>",
            "</svg>",
            "",
        ]
    )


def _window(title: str, wide: int) -> list[str]:
    dots = [
        f'<circle cx="{PADDING + 18 * number}" cy="17" r="5.5" fill="{color}"/>'
        for number, color in enumerate(("#f47067", "#e0b341", "#57ab5a"))
    ]
    return [
        *dots,
        f'<text class="t" x="{wide / 2:g}" y="21" text-anchor="middle">{escape(title)}</text>',
    ]


def _different(shown: Sequence[tuple[float, Screen]]) -> list[tuple[Cell, ...]]:
    return list(dict.fromkeys(row for _, rows in shown for row in rows if row))


def _row(row: tuple[Cell, ...]) -> str:
    """One line: a span for each run of one style, each character in its column."""
    spans: list[str] = []
    column = 0
    for style, cells in groupby(row, key=lambda cell: cell.style):
        text = "".join(cell.text for cell in cells)
        at = f'x="{column * CELL_WIDTH:g}" textLength="{len(text) * CELL_WIDTH:g}"'
        column += len(text)
        if text.strip():
            spans.append(f'<tspan y="{LINE_HEIGHT - 5}" {at}{_look(style)}>{escape(text)}</tspan>')
    return "".join(spans)


def _look(style: Style) -> str:
    bold = ' class="b"' if style.bold else ""
    color = f' style="fill:{_COLORS[style.color]}"' if style.color is not None else ""
    return bold + color
