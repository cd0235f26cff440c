"""Which registry an image is from, and with what nodes log in there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flocker_lite.errors import NotFound
from flocker_lite.model.records import Configuration, Registry
from flocker_lite.model.registries import (
    forget_registry,
    login_for,
    registry_of,
    set_registry,
)

LOGIN = Registry("registry.example:5000", "bob", "hunter2", 1.0)


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("redis:7", "docker.io"),
        ("library/redis:7", "docker.io"),
        ("index.docker.io/library/redis:7", "docker.io"),
        ("Registry.example/web:1", "registry.example"),
        ("registry:5000/shop/web@sha256:00", "registry:5000"),
        ("localhost/web:1", "localhost"),
        ("10.0.0.7:5000/web", "10.0.0.7:5000"),
    ],
)
def test_registry_of(image: str, registry: str) -> None:
    """As Docker reads it."""
    assert registry_of(image) == registry


def test_login_for() -> None:
    """One is for the registry of its name alone."""
    assert login_for("registry.example:5000/web:1", [LOGIN]) == LOGIN
    for image in ("registry.example/web:1", "web:1", "registry.example:5000.evil.example/web:1"):
        assert login_for(image, [LOGIN]) is None


def test_set_and_forget() -> None:
    """The last one counts; the same again is no change."""
    first = set_registry(Configuration(), LOGIN).configuration
    assert set_registry(first, replace(LOGIN, changed_at=2.0)).changes == ()
    other = replace(LOGIN, password="hunter3", changed_at=3.0)
    second = set_registry(first, other).configuration
    assert second.registries == {LOGIN.registry: other}
    assert "hunter" not in repr(second)
    assert forget_registry(second, "Registry.Example:5000").configuration.registries == {}
    with pytest.raises(NotFound):
        forget_registry(second, "none.example")
