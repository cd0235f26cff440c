"""What the typed client sends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flocker_lite.client import Client


class Recorder:
    """A transport that notes requests and answers nothing."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, object]] = []

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        query: Mapping[str, str] | None = None,
        timeout_seconds: float = 60.0,
        tag: str | None = None,
    ) -> tuple[Any, Mapping[str, str]]:
        """See `flocker_lite.client.transport.Transport`."""
        self.sent.append((method, path, body))
        return {}, {}

    def stream(self, path: str, query: Mapping[str, str]) -> Iterator[Any]:
        """See `flocker_lite.client.transport.Transport`."""
        yield from ()

    def stream_bytes(self, path: str, query: Mapping[str, str]) -> Iterator[bytes]:
        """See `flocker_lite.client.transport.Transport`."""
        yield from ()


def test_secrets() -> None:
    """Values are bytes, and go as base64 in the body; names are quoted in paths."""
    recorder = Recorder()
    client = Client(None, recorder)
    client.secrets()
    client.create_secret("a/b", b"\xff\0")
    client.update_secret("a/b", b"x")
    client.delete_secret("a/b")
    assert recorder.sent == [
        ("GET", "/configuration/secrets", None),
        ("POST", "/configuration/secrets", {"name": "a/b", "base64": "/wA="}),
        ("POST", "/configuration/secrets/a%2Fb", {"base64": "eA=="}),
        ("DELETE", "/configuration/secrets/a%2Fb", None),
    ]


def test_applications() -> None:
    """Their names are quoted in paths."""
    recorder = Recorder()
    client = Client(None, recorder)
    client.applications()
    client.bring_up_application(name="shop", compose={})
    client.move_application("a/b", "10.0.0.1")
    client.delete_application("a/b")
    assert recorder.sent == [
        ("GET", "/configuration/applications", None),
        ("POST", "/configuration/applications", {"name": "shop", "compose": {}}),
        ("POST", "/configuration/applications/a%2Fb", {"host": "10.0.0.1"}),
        ("DELETE", "/configuration/applications/a%2Fb", None),
    ]


def test_registries() -> None:
    """The password goes in the body."""
    recorder = Recorder()
    client = Client(None, recorder)
    client.registries()
    client.set_registry("reg:5000", "bob", "hunter2")
    client.delete_registry("reg:5000")
    login = {"registry": "reg:5000", "user": "bob", "password": "hunter2"}
    assert recorder.sent == [
        ("GET", "/configuration/registries", None),
        ("POST", "/configuration/registries", login),
        ("DELETE", "/configuration/registries/reg%3A5000", None),
    ]
