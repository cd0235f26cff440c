"""What Docker says, and is answered, in its volume plugin protocol."""

from __future__ import annotations

import pytest

from flocker_lite.volumes import messages
from flocker_lite.volumes.errors import VolumeError
from flocker_lite.volumes.messages import Asked, asked


def test_requests() -> None:
    """A request has a name, an id and options, or none of them."""
    assert asked(b"") == Asked()
    assert asked(b'{"Name": "db", "ID": "7"}') == Asked("db", "7")
    assert asked(b'{"Name": "db", "Opts": {"size": "1g"}}') == Asked("db", "", {"size": "1g"})
    assert asked(b'{"Name": "db", "Opts": null}') == Asked("db")


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"Name": 7}', b'{"Name": "x", "Opts": []1}'])
def test_strange_requests(body: bytes) -> None:
    """What is not Docker's is refused in words."""
    with pytest.raises(VolumeError):
        asked(body)


def test_an_error_without_words() -> None:
    """Docker takes an empty error for success, so there is none."""
    assert messages.failed("")["Err"]
