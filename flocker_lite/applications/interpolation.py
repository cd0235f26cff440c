"""Variables in the texts of a Compose document, as Compose's syntax has them; pure.

`$X` and `${X}` stand for a variable, `${X:-d}` and `${X-d}` for it or a default, `${X:?why}` and
`${X?why}` refuse to go without it, `${X:+t}` and `${X+t}` stand for a text if it is there, and `$$`
for a dollar. With the colon, an empty variable counts as one that is not there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from flocker_lite.applications.faults import Findings, Path

Variables = Mapping[str, str | None]
"""The values of variables; None is that of one that is not set."""

DEPTH_MAX = 20
"""How deep variables may be in the defaults of others."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR = re.compile(r":?[-?+]")


class BadVariable(ValueError):
    """The text has something after a dollar that is no variable, or lacks a required one."""


class UnsetVariables(dict[str, None]):
    """The names of variables that were not set and had no default, in order, each once."""


def interpolate(text: str, variables: Variables, unset: UnsetVariables | None = None) -> str:
    """The text with the values of its variables; BadVariable says what is wrong."""
    found, end = _until(text, 0, variables, UnsetVariables() if unset is None else unset, 0)
    assert end == len(text)
    return found


def interpolated(value: Any, variables: Variables, findings: Findings, path: Path = ()) -> Any:
    """The value with the variables of all texts in it; keys stay as they are."""
    if isinstance(value, str):
        return _text(value, variables, findings, path) if "$" in value else value
    if isinstance(value, dict):
        return {
            key: interpolated(each, variables, findings, (*path, key))
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [
            interpolated(each, variables, findings, (*path, number))
            for number, each in enumerate(value)
        ]
    return value


def names(value: Any) -> frozenset[str]:
    """The names of all variables in the texts of a value, also of those in defaults."""
    return frozenset(_names(value))


def escaped(text: str) -> str:
    """The text in which no dollar stands for a variable."""
    return text.replace("$", "$$")


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        for found in re.finditer(r"\$(?:\$|\{?(?P<name>[A-Za-z_][A-Za-z0-9_]*))", value):
            if found["name"]:
                yield found["name"]
    elif isinstance(value, dict):
        for each in value.values():
            yield from _names(each)
    elif isinstance(value, list):
        for each in value:
            yield from _names(each)


def _text(text: str, variables: Variables, findings: Findings, path: Path) -> str:
    unset = UnsetVariables()
    try:
        found = interpolate(text, variables, unset)
    except BadVariable as error:
        findings.fault(path, str(error))
        return text
    for name in unset:
        findings.note(f"the variable {name} is not set: it counts as an empty text")
    return found


def _until(
    text: str, at: int, variables: Variables, unset: UnsetVariables, depth: int
) -> tuple[str, int]:
    """The text from `at` on, up to its end, or to the brace that ends a default."""
    if depth > DEPTH_MAX:
        raise BadVariable(f"variables are nested more than {DEPTH_MAX} deep")
    parts: list[str] = []
    while at < len(text) and not (depth and text[at] == "}"):
        if text[at] != "$":
            parts.append(text[at])
            at += 1
            continue
        part, at = _variable(text, at + 1, variables, unset, depth)
        parts.append(part)
    return "".join(parts), at


def _variable(
    text: str, at: int, variables: Variables, unset: UnsetVariables, depth: int
) -> tuple[str, int]:
    """What stands at `at`, after a dollar; and where it ends."""
    if text[at : at + 1] == "$":
        return "$", at + 1
    braced = text[at : at + 1] == "{"
    found = _NAME.match(text, at + braced)
    if found is None:
        raise BadVariable('after "$" there is no name of a variable: write $$ for a dollar')
    name, at = found[0], found.end()
    if not braced:
        return _value(name, variables, unset), at
    operator = _OPERATOR.match(text, at)
    if operator is None:
        if text[at : at + 1] != "}":
            raise BadVariable(f'"${{{name}" has no closing brace')
        return _value(name, variables, unset), at + 1
    there = _is_there(name, variables, operator[0])
    variables_of_it = variables
    if there != operator[0].endswith("+"):
        # This text does not count: nothing in it may be missed.
        variables_of_it, unset = dict.fromkeys(names(text), "set"), UnsetVariables()
    other, at = _until(text, operator.end(), variables_of_it, unset, depth + 1)
    if text[at : at + 1] != "}":
        raise BadVariable(f'"${{{name}" has no closing brace')
    return _chosen(name, operator[0][-1], there, other, variables), at + 1


def _chosen(name: str, operator: str, there: bool, other: str, variables: Variables) -> str:
    match operator:
        case "+":
            return other if there else ""
        case "?" if not there:
            raise BadVariable(f"the variable {name} is required: {other or 'it is not set'}")
    return (variables.get(name) or "") if there else other


def _is_there(name: str, variables: Variables, operator: str) -> bool:
    value = variables.get(name)
    return bool(value) if operator.startswith(":") else value is not None


def _value(name: str, variables: Variables, unset: UnsetVariables) -> str:
    value = variables.get(name)
    if value is None:
        unset[name] = None
        return ""
    return value
