"""Files of variables, as Compose reads them."""

from __future__ import annotations

import pytest

from flocker_lite.cli.environment_files import parsed


def test_forms() -> None:
    """Quotes, comments, `export` and variables; a name alone has no value."""
    text = (
        "# comment\n\nA=1\nexport B=two words  # comment\nC='$A # no'\nD=\"$A\\n${X:-x}\"\r\n"
        "E=a#b\nF=\nG\nH: yaml\nI='two\nlines' # comment\nJ=\"\\$A\"\n"
    )
    assert parsed(text, "f", {"X": None}) == {
        "A": "1",
        "B": "two words",
        "C": "$A # no",
        "D": "1\nx",
        "E": "a#b",
        "F": "",
        "G": None,
        "H": "yaml",
        "I": "two\nlines",
        "J": "$A",
    }


def test_others_count_more() -> None:
    """A variable that is set already stands for itself in later lines."""
    assert parsed("A=1\nB=$A\n", "f", {"A": "2"}) == {"A": "1", "B": "2"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A=1\n=2\n", "f:2: this is no line"),
        ("A='1\n", "f:1: the quote ' has no end"),
        ('A=1\nB="1" 2\n', "f:2: there is something after"),
        ("\nA=${B:?no b}\n", "f:2: the variable B is required: no b"),
    ],
)
def test_bad(text: str, said: str) -> None:
    """The line is named."""
    with pytest.raises(ValueError, match=said):
        parsed(text, "f", {})
