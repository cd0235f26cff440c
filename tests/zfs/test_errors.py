"""The prose of both kinds of ZFS becomes the error that it means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker_lite.errors import (
    Busy,
    CommandFailed,
    Conflict,
    FlockerError,
    NotFound,
    ReaderGone,
)
from flocker_lite.zfs import errors
from tests.zfs import recorded


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        *((said, NotFound) for said in recorded.NOT_FOUND),
        *((said, Conflict) for said in recorded.CONFLICT),
        *((said, Conflict) for said in recorded.STALE),
        *((said, ReaderGone) for said in recorded.READER_GONE),
        *((said, Busy) for said in recorded.BUSY),
        *((said, CommandFailed) for said in recorded.NOTHING_IN_PARTICULAR),
    ],
)
def test_meaning(said: str, kind: type[FlockerError]) -> None:
    """Each recorded sentence, whose words are in the new error as well."""
    meaning = errors.meaning(CommandFailed(("zfs", "something"), 1, f"{said}\n"))
    assert type(meaning) is kind
    assert said in str(meaning)


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        *((said, "`zpool clear`") for said in recorded.SUSPENDED),
        *((said, "import it without readonly") for said in recorded.READ_ONLY),
    ],
)
def test_advice(said: str, advice: str) -> None:
    """What a user can do about a pool is said beside the words of ZFS."""
    meaning = str(errors.meaning(CommandFailed(("zfs", "something"), 1, f"{said}\n")))
    assert said in meaning
    assert advice in meaning


def test_signal_of_a_pipe() -> None:
    """One that had no time to say so."""
    assert isinstance(errors.meaning(CommandFailed(("zfs",), -13, "")), ReaderGone)


def test_words_that_are_no_failure() -> None:
    """What is done already is recognised by words that both kinds use."""
    already, not_mounted = recorded.NOTHING_IN_PARTICULAR[4:6]
    assert errors.ALREADY_MOUNTED in already
    assert errors.NOT_MOUNTED in not_mounted


@given(st.text(), st.integers(-64, 255))
def test_any_text(said: str, exit_code: int) -> None:
    """There is an answer to everything."""
    assert isinstance(errors.meaning(CommandFailed(("zfs",), exit_code, said)), FlockerError)
