"""Merges the areas' parts of the body into one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Arguments: TypeAlias = Mapping[str, Any]
"""The body of Docker's "create a container", or a part of it."""

HOST = "HostConfig"


def merged(*parts: Arguments) -> dict[str, Any]:
    """One body of all parts, with their HOST parts merged too; no two have the same key."""
    whole: dict[str, Any] = {HOST: {}}
    for part in parts:
        _add(whole, {key: value for key, value in part.items() if key != HOST})
        _add(whole[HOST], part.get(HOST, {}))
    return whole


def without_none(**values: Any) -> dict[str, Any]:
    """The values that are not None."""
    return {key: value for key, value in values.items() if value is not None}


def _add(whole: dict[str, Any], part: Mapping[str, Any]) -> None:
    twice = whole.keys() & part.keys()
    assert not twice, f"two areas have {sorted(twice)}"
    whole.update(part)
