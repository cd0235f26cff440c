"""Reads `.env` and `env_file` as Compose does: quotes, comments, `export`, variables; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from flocker_lite.applications.interpolation import BadVariable, interpolate

_LINE = re.compile(r"\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)\s*(?:(?P<equals>[=:])|$)")
_COMMENT = re.compile(r"\s+#.*$")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "$": "$$"}
_QUOTED = {
    "'": re.compile(r"'((?:[^'])*)'"),
    '"': re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL),
}


def parsed(text: str, name: str, variables: Mapping[str, str | None]) -> dict[str, str | None]:
    """The variables of a file, None for one without a value; ValueError names its line.

    Their values may have variables: those of earlier lines, and `variables`, which count more.
    """
    found: dict[str, str | None] = {}
    at, number = 0, 1
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        line = text[at:end].rstrip("\r")
        if line.strip() and not line.lstrip().startswith("#"):
            key, value, end = _entry(text, at, end, f"{name}:{number}")
            found[key] = _value(value, {**found, **variables}, f"{name}:{number}")
        number += text.count("\n", at, end) + 1
        at = end + 1
    return found


def _entry(text: str, at: int, end: int, where: str) -> tuple[str, tuple[str, str] | None, int]:
    """A name, its value with the quote around it, and where the entry ends."""
    found = _LINE.match(text, at, end)
    if found is None:
        raise ValueError(f"{where}: this is no line such as NAME=VALUE")
    if found["equals"] is None:
        return found["name"], None, end
    start = found.end()
    while start < end and text[start] in " \t":
        start += 1
    quote = text[start : start + 1]
    if quote not in _QUOTED:
        return found["name"], ("", _COMMENT.sub("", text[start:end]).strip()), end
    quoted = _QUOTED[quote].match(text, start)
    if quoted is None:
        raise ValueError(f"{where}: the quote {quote} has no end")
    after = text.find("\n", quoted.end())
    after = len(text) if after < 0 else after
    rest = text[quoted.end() : after].strip()
    if rest and not rest.startswith("#"):
        raise ValueError(f"{where}: there is something after the quote {quote}")
    return found["name"], (quote, quoted[1]), after


def _value(
    given: tuple[str, str] | None, variables: Mapping[str, str | None], where: str
) -> str | None:
    if given is None:
        return None
    quote, text = given
    if quote == "'":
        return text
    if quote == '"':
        text = re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[0]), text)
    try:
        return interpolate(text, variables)
    except BadVariable as error:
        raise ValueError(f"{where}: {error}") from None
