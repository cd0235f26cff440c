"""Tables of the keys of Compose files and of the files that were tried, for the documentation.

The keys are made of the code, for docs/reference/compose.rst; the files of what the tests expect,
for docs/applications.rst.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from flocker_lite.applications import keys, services
from flocker_lite.model import compose
from tests.applications.expectations import FILES, Expected
from tests.model.field_table import with_tables

PATH = Path(__file__).resolve().parents[2] / "docs" / "applications.rst"

_OTHERS: tuple[tuple[str, Sequence[str], Mapping[str, str]], ...] = (
    ("", keys.DOCUMENT_KEYS, keys.DOCUMENT_REFUSED),
    ("volumes.", keys.VOLUME_KEYS, keys.VOLUME_REFUSED),
    ("networks.", keys.NETWORK_KEYS, keys.NETWORK_REFUSED),
    ("deploy.", keys.DEPLOY_KEYS, keys.DEPLOY_REFUSED),
    ("x-flocker.", keys.SERVICE_OURS, {}),
)


def service_keys() -> list[tuple[str, str]]:
    """Each key of a service, and what becomes of it."""
    known = dict.fromkeys(services.KEYS, "supported")
    for key in services.FIELDS:
        if compose.name_here(key) != key:
            known[key] = f"supported, as ``{compose.name_here(key)}``"
    known["env_file"] = "supported; read by ``flockerctl``, and refused in a request"
    known["depends_on"] = "supported within a node"
    return [("key", "here"), *_rows("", known, keys.SERVICE_REFUSED)]


def other_keys() -> list[tuple[str, str]]:
    """Each key elsewhere in a file."""
    found = [("key", "here")]
    for where, known, refused in _OTHERS:
        found += _rows(where, dict.fromkeys(known, "supported"), refused)
    return found


def files() -> list[tuple[str, str]]:
    """Each file that the tests have, and what becomes of it."""
    return [
        ("file", "what becomes of it"),
        *((f"``{name}``", f"{each.title}: {_outcome(each)}") for name, each in FILES.items()),
    ]


TABLES = {
    "files": files,
}


def _rows(
    where: str, known: Mapping[str, str], refused: Mapping[str, str]
) -> list[tuple[str, str]]:
    advice = {key: f"refused: {text.replace('`', '``')}" for key, text in refused.items()}
    said = {**advice, **known}
    return [(f"``{where}{key}``", said[key]) for key in sorted(said)]


def _outcome(expected: Expected) -> str:
    if expected.refused:
        reasons = (f"``{path}`` ({text})" for path, text in expected.refused.items())
        return f"refused: {', '.join(reasons)}"
    parts = [_counted(expected.containers, "container")]
    if expected.datasets:
        parts.append(_counted(expected.datasets, "dataset"))
    allowed = ", ".join(f"``{each}``" for each in expected.allow)
    needs = f" (needs ``allow`` of {allowed})" if allowed else ""
    return f"runs and moves, as {' and '.join(parts)}{needs}"


def _counted(items: Sequence[str], what: str) -> str:
    return f"a {what}" if len(items) == 1 else f"{len(items)} {what}s"


if __name__ == "__main__":
    PATH.write_text(with_tables(PATH.read_text("utf-8"), TABLES), "utf-8")
