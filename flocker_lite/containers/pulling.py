"""What Docker says while it pulls an image, as progress, and as words that say what to do; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flocker_lite.model.state import ImagePull

LAYERS_MAX = 1000
"""Docker itself takes an image of no more than 127."""

LAYER_CHARACTERS_MAX = 100
SAID_CHARACTERS_MAX = 2000

_HERE = frozenset({"Pull complete", "Already exists"})
_FETCHED = frozenset({"Download complete", "Verifying Checksum", "Extracting"})
_WAITING = frozenset({"Pulling fs layer", "Waiting", "Downloading"})

# The first row that is found counts: a registry hides what is private as if it were not there.
_ADVICE = (
    (
        ("no space left on device", "disk quota exceeded"),
        "the disk of this node is full: make room where Docker keeps its data",
    ),
    (
        ("pull access denied", "requested access to the resource is denied"),
        "there is no such image, or it is private: mend the name, or run `docker login` on this "
        "node as the user that the agent runs as",
    ),
    (
        ("unauthorized", "no basic auth credentials", "authentication required", "401", "403"),
        "its registry does not take this node's credentials: run `docker login` on it as the user "
        "that the agent runs as",
    ),
    (
        ("manifest unknown", "manifest for", "not found", "name unknown", "invalid reference"),
        "its registry has no such image or tag: mend the name, or push it there",
    ),
    (
        (
            "connection refused",
            "no such host",
            "no route to host",
            "network is unreachable",
            "timeout",
            "timed out",
            "deadline exceeded",
            "client.timeout",
            "server misbehaving",
            "lookup ",
            "eof",
            "connection reset",
            "502",
            "503",
        ),
        "its registry is not to be reached from this node: it is tried again",
    ),
)


class Layers:
    """Adds up the lines of one pull, each about one layer."""

    def __init__(self) -> None:
        self._bytes: dict[str, tuple[int, int]] = {}
        self._here: set[str] = set()

    @property
    def progress(self) -> ImagePull:
        """How far it is now."""
        return ImagePull(
            sum(done for done, _ in self._bytes.values()),
            sum(total for _, total in self._bytes.values()),
            len(self._here),
            len(self._bytes),
        )

    def take(self, line: Mapping[str, Any]) -> None:
        """One line of Docker's; those that are about no layer change nothing."""
        status, layer = line.get("status"), line.get("id")
        if not isinstance(layer, str) or status not in _HERE | _FETCHED | _WAITING:
            return
        is_new = layer not in self._bytes
        if is_new and (len(self._bytes) >= LAYERS_MAX or len(layer) > LAYER_CHARACTERS_MAX):
            return
        done, total = self._bytes.get(layer, (0, 0))
        if status == "Downloading":
            detail = line.get("progressDetail") or {}
            done, total = detail.get("current", done), detail.get("total", total)
        elif status in _HERE | _FETCHED:
            done = total
        self._bytes[layer] = (done, total)
        if status in _HERE:
            self._here.add(layer)


def trouble(image: str, said: str) -> str:
    """Why an image is not to be had, what to do about it, and what Docker said."""
    said = said[:SAID_CHARACTERS_MAX]
    plain = said.lower()
    for signs, advice in _ADVICE:
        if any(sign in plain for sign in signs):
            return f"image {image} could not be pulled: {advice} ({said})"
    return f"image {image} could not be pulled: {said}"
