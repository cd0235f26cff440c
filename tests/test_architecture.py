"""The house: who may import whom, and how large and how well labelled its rooms are."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = "flocker_lite"
ROOT = Path(__file__).parent.parent
LINES_MAX = 400
FUNCTION_LINES_MAX = 60

FLOORS = {"model", "errors", "interfaces"}
# Each room, and what of ours it may import besides itself. A room that is not here fails a test.
MAY_IMPORT: dict[str, set[str]] = {
    "": set(),
    "errors": set(),
    "model": {"errors"},
    "interfaces": {"model", "errors"},
    "processes": {"errors", "interfaces"},
    "ca": {"errors"},
    "tls": FLOORS | {"ca", "refusal_log"},
    "doctor": FLOORS,
    "durable": set(),
    "awaiting": set(),
    "shared_asking": set(),
    "refusal_log": set(),
    "agent_file": set(),
    "config": {"agent_file", "errors", "model"},
    "receive": set(),
    # Deciding stands on nothing that does.
    "planner": {"model"},
    "applications": {"errors", "model"},
    # A move holds back connections while it switches, by the switchboard of the routing room.
    "convergence": FLOORS | {"planner", "routing", "logs", "shared_asking"},
    # Of the kernel, for storage backends: those do not know each other.
    "mounts": FLOORS,
    "zfs": FLOORS | {"processes", "awaiting", "mounts"},
    # What peers ask for changes the trials and the moves of this node.
    "peers": FLOORS | {"processes", "durable", "awaiting", "planner", "convergence", "logs"},
    "containers": FLOORS | {"processes", "durable"},
    "routing": FLOORS | {"processes", "logs"},
    "volumes": FLOORS,
    "protocol": {"model", "errors", "logs"},
    # What both services measure, and how it is written for Prometheus.
    "metrics": set(),
    # How both services log.
    "logs": set(),
    "control": FLOORS
    | {"applications", "doctor", "protocol", "refusal_log", "metrics", "logs", "shared_asking"},
    "agent": {
        *(FLOORS | {"doctor", "durable", "protocol", "planner", "convergence", "routing"}),
        *("metrics", "volumes"),
    },
    "taps": {
        *(FLOORS | {"processes", "config", "convergence", "protocol", "receive"}),
        *("zfs", "peers", "containers", "routing", "control", "agent"),
        *("ca", "doctor", "tls", "metrics", "logs", "volumes"),
    },
    "client": set(),
    # The files of a Compose file may have its variables, which are read in one way everywhere.
    "cli": {"client", "applications"},
    "__main__": {"taps", "control", "errors"},
}
WIRING = {"taps", "__main__", "testing"}
TEXTS = {".c", ".html", ".py", ".yml"}

MODULES = sorted((ROOT / PACKAGE).rglob("*.py"))


def name_of(path: Path) -> str:
    """A module's path within the package, for the test's name."""
    return str(path.relative_to(ROOT / PACKAGE))


def room(path: Path) -> str:
    """The package or module directly below ours that a file belongs to."""
    parts = path.relative_to(ROOT / PACKAGE).with_suffix("").parts
    return "" if parts == ("__init__",) else parts[0]


@cache
def imported(path: Path) -> frozenset[str]:
    """The dotted names that a module imports, wherever in it that is done."""
    return frozenset(_imported(path))


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms_imported(path: Path) -> set[str]:
    """The rooms of ours that a module imports."""
    names = [name.split(".") for name in imported(path)]
    known = {*MAY_IMPORT, "testing"}
    return {
        words[1] if len(words) > 1 and words[1] in known else ""
        for words in names
        if words[0] == PACKAGE
    }


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_who_may_import_whom(path: Path) -> None:
    """A room imports the floors below it and no other room; only tests import what is for tests."""
    here = room(path)
    if here == "testing":
        return
    assert here in MAY_IMPORT, f"say in the table what {here} may import"
    version = {""}
    assert rooms_imported(path) <= MAY_IMPORT[here] | version | {here}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_wiring_knows_the_reactor(path: Path) -> None:
    """Time and events are arguments everywhere else."""
    reactor = {name for name in imported(path) if name == "twisted.internet.reactor"}
    assert not reactor or room(path) in WIRING


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_deciding_knows_no_twisted(path: Path) -> None:
    """What decides is values and functions: it can be lifted out, and run anywhere."""
    names = {name for name in imported(path) if name.split(".")[0] == "twisted"}
    assert not names or room(path) not in {"applications", "model", "planner"}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_file_says_what_it_is_for(path: Path) -> None:
    """In one sentence, which begins the docstring and stands alone."""
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8")))
    assert docstring
    sentence = docstring.split("\n\n")[0]
    assert sentence.endswith(".")


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_size(path: Path) -> None:
    """Files and functions that can be read at one sitting."""
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= LINES_MAX
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            lines = node.end_lineno - node.lineno + 1
            assert lines <= FUNCTION_LINES_MAX, f"{node.name} has {lines} lines"


def test_only_zfs_speaks_of_pools() -> None:
    """A storage backend is found by its name: what is true of ZFS alone is said in its room."""
    documents = ROOT / PACKAGE / "control/http/documentation"
    files = [
        path
        for path in (ROOT / PACKAGE).rglob("*")
        if path.suffix in TEXTS and documents not in path.parents
    ]
    said = [path for path in files if "zpool" in path.read_text("utf-8").lower()]
    assert {path.relative_to(ROOT / PACKAGE).parts[0] for path in said} == {"zfs"}


def test_every_room_is_installed() -> None:
    """pyproject.toml lists all packages; a missing one would be noticed only when installed."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    listed = tomllib.loads(text)["tool"]["setuptools"]["packages"]
    here = {".".join(path.relative_to(ROOT).parts[:-1]) for path in MODULES}
    assert here == {name for name in listed if name.startswith(PACKAGE)}


def test_the_table_has_no_room_that_is_not_there() -> None:
    """A room that went is taken out of the table."""
    assert {room(path) for path in MODULES} - {"testing"} == set(MAY_IMPORT)
