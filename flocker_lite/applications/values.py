"""The values of a Compose document in each of their forms, as the requests of containers have them.

Each function takes a value and its path; what is no such value is a fault there, and None.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from flocker_lite.applications.faults import Findings, Path
from flocker_lite.applications.interpolation import Variables

Parse: TypeAlias = Callable[[Any, Path, Findings], Any]
"""Makes the value of a request of one of the document; None where it says nothing."""

_TRUTHS = {"true": True, "false": False}


def as_text(value: Any) -> str | None:
    """A scalar as text, as YAML would have had it in quotes; None for what is none."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    return None


def same(value: Any, path: Path, findings: Findings) -> Any:
    """The value as it is: what is wrong with it, the schema of containers says."""
    return value


def text(value: Any, path: Path, findings: Findings) -> str | None:
    """A text; a number or a truth value counts as one."""
    found = as_text(value)
    if found is None:
        findings.fault(path, "this should be a text")
    return found


def number(value: Any, path: Path, findings: Findings) -> Any:
    """A number, which may be in a text; the schema of containers judges the rest."""
    if isinstance(value, str):
        try:
            return int(value) if value.lstrip("-").isdecimal() else float(value)
        except ValueError:
            return value
    return value


def truth(value: Any, path: Path, findings: Findings) -> bool | None:
    """True or false, which may be in a text."""
    found = _TRUTHS.get(value.lower()) if isinstance(value, str) else value
    if not isinstance(found, bool):
        findings.fault(path, "this should be true or false")
        return None
    return found


def texts(value: Any, path: Path, findings: Findings) -> list[str]:
    """A list of texts."""
    if not isinstance(value, list):
        findings.fault(path, "this should be a list")
        return []
    found = [text(each, (*path, at), findings) for at, each in enumerate(value)]
    return [each for each in found if each is not None]


def one_or_more(value: Any, path: Path, findings: Findings) -> list[str]:
    """A text, or a list of texts."""
    return texts(value if isinstance(value, list) else [value], path, findings)


def words(value: Any, path: Path, findings: Findings) -> list[str] | None:
    """A command: a list, or a text, which is split as a shell does, but for its variables."""
    found: list[str] = []
    if isinstance(value, list):
        found = texts(value, path, findings)
    elif isinstance(value, str):
        try:
            found = shlex.split(value)
        except ValueError as error:
            findings.fault(path, f"it cannot be split into words: {error}")
            return None
    else:
        findings.fault(path, "this should be a text or a list of texts")
        return None
    if not found:
        findings.fault(path, "an empty one is not possible: leave it out, or name a program")
    return found


def pairs(value: Any, path: Path, findings: Findings) -> dict[str, str]:
    """A list of texts such as "KEY=VALUE", or an object: labels, sysctls."""
    return {key: each or "" for key, each in _pairs(value, path, findings).items()}


def environment(value: Any, path: Path, findings: Findings, variables: Variables) -> dict[str, str]:
    """The variables of a container; those without a value have that of `variables`."""
    found = dict(_pairs(value, path, findings))
    for name, each in list(found.items()):
        if each is None:
            found[name] = variables.get(name)
        if found[name] is None:
            findings.note(f"the variable {name} has no value and is left out")
    return {name: each for name, each in found.items() if each is not None}


def object_of(value: Any, path: Path, findings: Findings) -> Mapping[str, Any]:
    """An object; null is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        findings.fault(path, "this should be an object")
        return {}
    return value


def whole_number(value: Any) -> int | None:
    """The whole number that a number or a text says; None if it says none."""
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _pairs(value: Any, path: Path, findings: Findings) -> dict[str, str | None]:
    if isinstance(value, dict):
        return {
            key: None if each is None else text(each, (*path, key), findings)
            for key, each in value.items()
        }
    if not isinstance(value, list):
        findings.fault(path, "this should be an object, or a list of texts such as KEY=VALUE")
        return {}
    found: dict[str, str | None] = {}
    for each in texts(value, path, findings):
        key, equals, rest = each.partition("=")
        found[key] = rest if equals else None
    return found
