"""How much is kept of what a container said last."""

from __future__ import annotations

from flocker_lite.containers.log_tails import BYTES_MAX, LINES_MAX, last_lines


def test_all_of_little() -> None:
    """What fits is kept as it is; what is no UTF-8 is shown as that."""
    assert last_lines(b"") == ()
    assert last_lines(b"one\n\ntwo") == ("one", "", "two")
    assert last_lines(b"\xff\r\n") == ("\ufffd",)


def test_the_last_lines_of_many() -> None:
    """The first ones are left out."""
    said = b"".join(b"line %d\n" % number for number in range(100))
    assert last_lines(said) == tuple(f"line {number}" for number in range(80, 100))
    assert len(last_lines(said)) == LINES_MAX


def test_long_lines() -> None:
    """No line is cut while a whole one is left; of a single one that is too long, its end."""
    whole = "b" * (BYTES_MAX - 1)
    assert last_lines(f"{'a' * 100}\n{whole}\n".encode()) == (whole,)
    assert last_lines(f"{'a' * 100}\n{'b' * 100}\n{whole[101:]}\n".encode()) == (
        "b" * 100,
        whole[101:],
    )
    (line,) = last_lines(b"c" * (2 * BYTES_MAX))
    assert line == "c" * BYTES_MAX
