"""Boxes, bars, arrows and words as an SVG that needs no font or script of its own; pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

FILLS = {
    "plain": ("#ffffff", "#64748b"),
    "control": ("#fef3c7", "#b45309"),
    "agent": ("#dcfce7", "#15803d"),
    "data": ("#dbeafe", "#1d4ed8"),
}
HEAD = 9
STYLE = (
    "text{font:14px system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;fill:#0f172a}"
    ".s{font-size:12px;fill:#475569}.b{font-weight:600}"
    ".l{fill:none;stroke:#475569;stroke-width:1.5}.d{stroke-dasharray:4 4;stroke:#94a3b8}"
)


class Drawing:
    """What is drawn, in order; the background is light for readers of dark pages too."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self._size = (width, height)
        self._title = title
        self._parts: list[str] = []

    def svg(self) -> str:
        """The picture."""
        width, height = self._size
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img">\n'
            f"<title>{escape(self._title)}</title>\n<style>{STYLE}</style>\n"
            f'<rect width="{width}" height="{height}" rx="10" fill="#f8fafc"/>\n'
            + "".join(f"{part}\n" for part in self._parts)
            + "</svg>\n"
        )

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        small: bool = False,
        bold: bool = False,
        anchor: str = "middle",
    ) -> None:
        """Words; y is their base line."""
        kind = " ".join(name for name, is_so in (("s", small), ("b", bold)) if is_so)
        place = f'x="{x:g}" y="{y:g}" text-anchor="{anchor}" class="{kind}"'
        self._parts.append(f"<text {place}>{escape(words)}</text>")

    def box(
        self, x: float, y: float, wide: float, high: float, title: str, told: str, *, kind: str
    ) -> None:
        """A rounded box with a title, and a line below it if there is one."""
        self._rectangle(x, y, wide, high, kind, 8)
        middle = y + high / 2
        self.text(x + wide / 2, middle + (5 if not told else -3), title, bold=True)
        if told:
            self.text(x + wide / 2, middle + 16, told, small=True)

    def bar(self, x: float, y: float, wide: float, high: float, words: str, *, kind: str) -> None:
        """A stretch of time."""
        self._rectangle(x, y, wide, high, kind, 4)
        self.text(x + wide / 2, y + high / 2 + 4, words, small=True)

    def frame(self, x: float, y: float, wide: float, high: float, title: str) -> None:
        """What is around others."""
        self._parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{wide:g}" height="{high:g}" rx="12" class="l d"/>'
        )
        self.text(x + 16, y + 22, title, anchor="start", small=True)

    def line(self, x1: float, y1: float, x2: float, y2: float) -> None:
        """A dashed line."""
        self._parts.append(f'<path d="M{x1:g} {y1:g}L{x2:g} {y2:g}" class="l d"/>')

    def span(self, x1: float, x2: float, y: float, words: str) -> None:
        """A stretch between two lines, with its name above."""
        self.arrow(x1, y, x2, y, both=True)
        self.text((x1 + x2) / 2, y - 8, words, small=True)

    def arrow(
        self,
        x1: float,
        y1: float,
        x2: float,
        y2: float,
        words: str = "",
        *,
        side: str = "",
        below: bool = False,
        both: bool = False,
    ) -> None:
        """A straight arrow; its words are above its middle, or at a side of it."""
        self._arrow([(x1, y1), (x2, y2)])
        if both:
            self._head((x2, y2), (x1, y1))
        if words:
            x, y = (x1 + x2) / 2, (y1 + y2) / 2
            if side == "right":
                self.text(x + 8, y + 4, words, small=True, anchor="start")
            else:
                self.text(x, y + (18 if below else -7), words, small=True)

    def path(
        self,
        points: Sequence[tuple[float, float]],
        words: str,
        *,
        at: tuple[float, float] | None = None,
    ) -> None:
        """An arrow with corners."""
        self._arrow(points)
        if words:
            (x1, y1), (x2, _) = points[1], points[2]
            x, y = at or ((x1 + x2) / 2, y1 - 6)
            self.text(x, y, words, small=True)

    def _rectangle(
        self, x: float, y: float, wide: float, high: float, kind: str, radius: int
    ) -> None:
        fill, stroke = FILLS[kind]
        self._parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{wide:g}" height="{high:g}" rx="{radius}" '
            f'fill="{fill}" stroke="{stroke}"/>'
        )

    def _arrow(self, points: Sequence[tuple[float, float]]) -> None:
        way = "L".join(f"{x:g} {y:g}" for x, y in points)
        self._parts.append(f'<path d="M{way}" class="l"/>')
        self._head(points[-2], points[-1])

    def _head(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        angle = math.atan2(end[1] - start[1], end[0] - start[0])
        corners = [
            (end[0] - HEAD * math.cos(angle + turn), end[1] - HEAD * math.sin(angle + turn))
            for turn in (0.45, -0.45)
        ]
        way = "L".join(f"{x:.1f} {y:.1f}" for x, y in [end, *corners])
        self._parts.append(f'<path d="M{way}Z" fill="#475569"/>')
