"""A storage backend is found by its name."""

from __future__ import annotations

import pytest

from flocker_lite.config import AgentOptions
from flocker_lite.errors import ConfigurationFileError
from flocker_lite.taps.storage_backends import BACKENDS, backend_named


def test_the_default() -> None:
    """An agent that is told nothing of its storage has one that exists."""
    storage = AgentOptions("10.0.0.1", "control.example").storage
    assert backend_named(storage) is BACKENDS["zfs"]


def test_unknown() -> None:
    """A name that nobody registered is refused, and what there is is listed."""
    with pytest.raises(ConfigurationFileError, match=r"one of zfs, and is 'btrfs'"):
        backend_named("btrfs")
