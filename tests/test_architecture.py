"""The house: who may import whom, and how large and how well labelled its rooms are."""

from __future__ import annotations

import ast
from collections.abc import Iterator
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
    "processes": {"errors"},
    "ca": {"errors"},
    "tls": FLOORS | {"ca", "refusals"},
    "durable": set(),
    "refusals": set(),
    "config": {"errors"},
    "receive": set(),
    # A move holds back connections while it switches, by the switchboard of the routing room.
    "convergence": FLOORS | {"routing"},
    "zfs": FLOORS | {"processes"},
    "ssh": FLOORS | {"processes", "durable"},
    "containers": FLOORS | {"processes"},
    "routing": FLOORS | {"processes"},
    "protocol": {"model", "errors"},
    "control": FLOORS | {"protocol", "refusals"},
    "agent": FLOORS | {"durable", "protocol", "convergence", "routing"},
    "taps": {
        *(FLOORS | {"processes", "config", "convergence", "protocol", "receive"}),
        *("zfs", "ssh", "containers", "routing", "control", "agent"),
        *("ca", "tls"),
    },
    "client": set(),
    "cli": {"client"},
    "__main__": {"taps", "control", "errors"},
}
WIRING = {"taps", "__main__", "testing"}

MODULES = sorted((ROOT / PACKAGE).rglob("*.py"))


def name_of(path: Path) -> str:
    """A module's path within the package, for the test's name."""
    return str(path.relative_to(ROOT / PACKAGE))


def room(path: Path) -> str:
    """The package or module directly below ours that a file belongs to."""
    parts = path.relative_to(ROOT / PACKAGE).with_suffix("").parts
    return "" if parts == ("__init__",) else parts[0]


def imported(path: Path) -> Iterator[str]:
    """The dotted names that a module imports, wherever in it that is done."""
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


def test_the_table_has_no_room_that_is_not_there() -> None:
    """A room that went is taken out of the table."""
    assert {room(path) for path in MODULES} - {"testing"} == set(MAY_IMPORT)
