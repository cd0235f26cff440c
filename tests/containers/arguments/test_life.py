"""Where a container's output goes, in Docker's words."""

from __future__ import annotations

from typing import Any

import pytest
from pyrsistent import pmap

from flocker_lite.containers.translate import FINGERPRINT_LABEL, create_arguments
from flocker_lite.model.container_fields.logs import Logging
from flocker_lite.model.records import Container

ROTATED = {"max-size": "10m", "max-file": "5"}


def arguments(logging: Logging | None) -> dict[str, Any]:
    """What Docker gets for a container with it."""
    return create_arguments(Container("web", "", "nginx:1", logging=logging), {}, "10.0.0.1")


@pytest.mark.parametrize(
    ("logging", "expected"),
    [
        (None, {"Type": "json-file", "Config": ROTATED}),
        (Logging(), {"Type": "json-file", "Config": ROTATED}),
        (
            Logging(options=pmap({"max-file": "2", "labels": "a"})),
            {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "2", "labels": "a"}},
        ),
        (Logging("journald"), {"Type": "journald", "Config": {}}),
        (Logging("local", pmap({"mode": "x"})), {"Type": "local", "Config": {"mode": "x"}}),
    ],
)
def test_log_config(logging: Logging | None, expected: dict[str, Any]) -> None:
    """A json-file rotates; other drivers have what was asked for."""
    assert arguments(logging)["HostConfig"]["LogConfig"] == expected


def test_no_replacement() -> None:
    """The default is not in the fingerprint: an upgrade replaces no container for it."""
    before = "b46e3fbc4b817aa5"
    assert arguments(None)["Labels"][FINGERPRINT_LABEL] == before
    assert arguments(Logging())["Labels"][FINGERPRINT_LABEL] != before
