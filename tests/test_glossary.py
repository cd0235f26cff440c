"""No module, class, function or attribute has a name that the glossary has retired."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "flocker_lite"
GLOSSARY = ROOT / "docs/glossary.rst"

_LEASE = "the lease's value on disk is `{}`"
_AMP = "the name of a request, or of its field, on the wire"

# Each name that stays nevertheless, and why.
STAYS = {
    "is_poised": "a key on the wire and in the store; `poised` in the REST API",
    "accounts": "a key in the store",
    "LENT": _LEASE.format("lent"),
    "PROBATION": _LEASE.format("probation"),
    "DEPOSED": _LEASE.format("deposed"),
    "PROBATION_CHECK_SECONDS": _LEASE.format("probation"),
    "PROBATION_LOOK_SECONDS": _LEASE.format("probation"),
    "ProbationCheck": _LEASE.format("probation"),
    "_is_on_probation": _LEASE.format("probation"),
    "_probation_check": _LEASE.format("probation"),
    "says_probation": _LEASE.format("probation"),
    "OfferLoan": _AMP,
    "Lend": _AMP,
    "lent": _AMP,
}


def retired() -> set[str]:
    """The words in the first column of the glossary's table."""
    lines = GLOSSARY.read_text("utf-8").splitlines()
    rules = [number for number, line in enumerate(lines) if re.fullmatch(r"=+ +=+", line)]
    _, head, foot = rules
    width = lines[head].index(" ")
    cells = [line[:width].strip() for line in lines[head + 1 : foot]]
    return {word for cell in cells for word in re.split(r",\s*", cell) if word}


def names(path: Path) -> Iterator[str]:
    """What a module defines, and the module itself by its file's name."""
    yield path.name
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                yield node.name
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
    for scope in ast.walk(tree):
        if isinstance(scope, ast.Module | ast.ClassDef):
            for statement in scope.body:
                yield from assigned(statement)


def assigned(statement: ast.stmt) -> Iterator[str]:
    """The constants of a module, and the fields of a class, that a statement defines."""
    match statement:
        case ast.Assign(targets=targets):
            yield from (target.id for target in targets if isinstance(target, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name


def parts(name: str) -> set[str]:
    """The words of a name, in small letters, with and without an s at the end."""
    words = {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}
    return words | {word.removesuffix("s") for word in words}


def retired_word(name: str, words: set[str]) -> str | None:
    """The retired word in a name; None when there is none."""
    found = ({name} | parts(name)) & words
    return min(found) if found else None


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("Doors", "Doors"),
        ("_is_poised", "poised"),
        ("FrontDoors", "door"),
        ("pacing.py", "pacing"),
        ("texts.py", "texts.py"),
        ("texts", None),
        ("StartGates", None),
        ("StubHost", None),
    ],
)
def test_what_is_retired(name: str, word: str | None) -> None:
    """A word in small letters counts in any name, another one only as a whole name."""
    assert retired_word(name, retired()) == word


def test_the_table_is_read() -> None:
    """The words come from the documentation, and there are about fifty."""
    words = retired()
    assert {"poise", "Announcer", "plan_parting", "texts.py", "standing"} <= words
    assert len(words) > 45


def test_no_name_is_retired() -> None:
    """Each name says its idea in the one word that the glossary has for it."""
    words = retired()
    found = [
        f"{path.relative_to(PACKAGE)}: {name} ({word})"
        for path in sorted(PACKAGE.rglob("*.py"))
        for name in sorted(set(names(path)) - STAYS.keys())
        if (word := retired_word(name, words)) is not None
    ]
    assert not found


def test_what_stays_is_there() -> None:
    """An exception that nothing needs any more is taken away."""
    known = {name for path in PACKAGE.rglob("*.py") for name in names(path)}
    assert not set(STAYS) - known
    assert all(retired_word(name, retired()) for name in STAYS)
