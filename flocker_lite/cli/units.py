"""Sizes and times as people write and read them; pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_SIZES = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_TIME = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def size_bytes(text: str) -> int:
    """Parse "512m", "1.5GiB" or "1000" into bytes; ValueError for anything else."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not a size; write 1000, 512m or 1.5g")
    return round(float(found[1]) * _SIZES[found[2].lower()])


def seconds(text: str) -> float:
    """Parse "0.5s", "10m", "1h30m" or "2" into seconds; ValueError for anything else."""
    text = text.strip()
    try:
        return float(text)
    except ValueError:
        pass
    parts = _TIME.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is not a time; write 0.5s, 10m or 1h30m")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def shown_bytes(count: float | None) -> str:
    """A number of bytes with a unit and three or four digits."""
    if count is None:
        return "-"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def shown_day(instant: float | None) -> str:
    """The day of an instant in seconds since 1970, by the clock of this machine."""
    return "-" if instant is None else datetime.fromtimestamp(instant).strftime("%Y-%m-%d")


def shown_time(moment: float | None) -> str:
    """A time in seconds since 1970, to the minute, in UTC."""
    if moment is None:
        return "-"
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC"


def shown_seconds(duration: float | None) -> str:
    """A duration: exact if it is short, rounded if it is long."""
    if duration is None:
        return "-"
    if duration < 1:
        return f"{duration * 1000:.0f} ms"
    if duration < 60:
        return f"{duration:.1f} s"
    minutes, rest = divmod(round(duration), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} days"
