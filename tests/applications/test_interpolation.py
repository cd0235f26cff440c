"""Variables in Compose files, in each of their forms."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker_lite.applications.faults import Findings
from flocker_lite.applications.interpolation import (
    BadVariable,
    UnsetVariables,
    escaped,
    interpolate,
    interpolated,
    names,
)

VARIABLES = {"TAG": "16", "EMPTY": "", "GONE": None}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgres:$TAG", "postgres:16"),
        ("postgres:${TAG}-alpine", "postgres:16-alpine"),
        ("$TAG$TAG", "1616"),
        ("${UNSET}", ""),
        ("${UNSET-d}", "d"),
        ("${EMPTY-d}", ""),
        ("${EMPTY:-d}", "d"),
        ("${GONE-d}", "d"),
        ("${TAG:-d}", "16"),
        ("${UNSET:-}", ""),
        ("${UNSET:-a-b:c?d}", "a-b:c?d"),
        ("${UNSET:-${TAG}}", "16"),
        ("${UNSET:-${OTHER:-x$TAG}y}z", "x16yz"),
        ("${TAG:+t}", "t"),
        ("${EMPTY:+t}", ""),
        ("${EMPTY+t}", "t"),
        ("${TAG:?why}", "16"),
        ("${EMPTY?why}", ""),
        ("${TAG:-${UNSET:?not asked for}}", "16"),
        ("$$TAG", "$TAG"),
        ("$$$TAG", "$16"),
        ("$${TAG}", "${TAG}"),
        ("}{", "}{"),
    ],
)
def test_forms(text: str, expected: str) -> None:
    """As Compose reads them."""
    assert interpolate(text, VARIABLES) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${UNSET:?say which}", "the variable UNSET is required: say which"),
        ("${EMPTY:?}", "the variable EMPTY is required: it is not set"),
        ("${TAG", "no closing brace"),
        ("${TAG:-a", "no closing brace"),
        ("${TAG!}", "no closing brace"),
        ("cost: $", "write $$ for a dollar"),
        ("$1", "write $$ for a dollar"),
        ("${}", "write $$ for a dollar"),
        ("${A:-" * 30 + "}" * 30, "nested more than 20 deep"),
    ],
)
def test_bad(text: str, said: str) -> None:
    """It is said what is wrong."""
    with pytest.raises(BadVariable, match=said.replace("$", r"\$")):
        interpolate(text, VARIABLES)


def test_unset() -> None:
    """What counts as empty is told, once; what has a default, or is not asked for, is not."""
    unset = UnsetVariables()
    interpolate("$A ${B} $A ${C:-} ${TAG:-$D} ${C:-$E}", VARIABLES, unset)
    assert list(unset) == ["A", "B", "E"]


def test_document() -> None:
    """In all values, in no key; each fault has its path."""
    findings = Findings()
    document = {"$TAG": ["$TAG", 5, None, {"a": "${X:?no x}"}]}
    assert interpolated(document, VARIABLES, findings)["$TAG"][:3] == ["16", 5, None]
    (fault,) = findings.faults
    assert fault.path == ("$TAG", 3, "a")
    assert fault.text == "the variable X is required: no x"


def test_names() -> None:
    """Those that a document needs, also in defaults, and none that is escaped."""
    assert names({"a": ["$A ${B:-${C}}", 5], "b": "$$D", "c": None}) == {"A", "B", "C"}


@given(st.text())
def test_escaped(text: str) -> None:
    """A text that was escaped is the same afterwards, whatever it is."""
    assert interpolate(escaped(text), {}) == text
    assert names(escaped(text)) == set()


@given(st.text(alphabet="$A{}:-?+x", max_size=40))
def test_any_text(text: str) -> None:
    """Any text has a value, or it is said why it has none."""
    with suppress(BadVariable):
        assert isinstance(interpolate(text, {"A": "a"}), str)


@given(st.text(alphabet=st.characters(exclude_characters="$}")), st.text())
def test_default(default: str, value: str) -> None:
    """A default stands for what is not set, and only for that."""
    assert interpolate(f"${{A-{default}}}", {}) == default
    assert interpolate(f"${{A-{default}}}", {"A": value}) == value
