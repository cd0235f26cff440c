"""Writes the tables that docs/performance.rst includes, from the JSON of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from admin.bench import (
    adopt,
    agent,
    cli,
    dashboard,
    failover,
    fleet,
    many,
    pause,
    predict,
    push,
    replicate,
    requests,
    volumes,
)

FOLDER = Path(__file__).parents[2] / "docs/figures"

TABLES: Mapping[str, Callable[[Any], str]] = {
    "pause": pause.table,
    "predict": predict.table,
    "many": many.table,
    "push": push.table,
    "adopt": adopt.table,
    "volumes": volumes.table,
    "api": requests.table,
    "agent": agent.table,
    "fleet": fleet.table,
    "cli": cli.table,
    "replicate": replicate.table,
    "dashboard": dashboard.table,
    "failover": failover.table,
}
"""How each kind of benchmark shows its figures; `admin/benchmark all` runs them in this order."""


def tables(results: Mapping[str, Any]) -> dict[str, str]:
    """The text of the file of each kind in the JSON of `admin/benchmark all`.

    ValueError names a kind that does not exist.
    """
    unknown = sorted(results.keys() - TABLES.keys())
    if unknown:
        raise ValueError(
            f"no kind of benchmark is called {', '.join(unknown)}: the file must be one that "
            "`admin/benchmark all --json FILE` wrote"
        )
    found = {kind: TABLES[kind](result) for kind, result in results.items()}
    return {
        f"{kind}.txt": "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
        for kind, text in found.items()
    }


def write(results: Mapping[str, Any], folder: Path = FOLDER) -> list[str]:
    """Write them into the folder; returns the names of the files."""
    written = tables(results)
    folder.mkdir(exist_ok=True)
    for name, text in written.items():
        (folder / name).write_text(text, "utf-8")
    return sorted(written)
