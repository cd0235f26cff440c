"""Turns what Docker says of a pull into progress, and into errors that say what to do; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flocker_lite.model.state import ImagePull

LAYERS_MAX = 1000
"""Docker itself accepts images of at most 127 layers."""

LAYER_CHARACTERS_MAX = 100
SAID_CHARACTERS_MAX = 2000

_HERE = frozenset({"Pull complete", "Already exists"})
_FETCHED = frozenset({"Download complete", "Verifying Checksum", "Extracting"})
_WAITING = frozenset({"Pulling fs layer", "Waiting", "Downloading"})

# The first row that fits counts. A registry answers as if a private image did not exist.
_ADVICE = (
    (
        ("no space left on device", "disk quota exceeded"),
        "the disk of this node is full: make room where Docker keeps its data",
    ),
    (
        ("pull access denied", "requested access to the resource is denied"),
        "there is no such image, or it is private: correct the name, or run `docker login` on this "
        "node as the user that the agent runs as, or POST a login to /v1/configuration/registries",
    ),
    (
        ("unauthorized", "no basic auth credentials", "authentication required", "401", "403"),
        "its registry does not accept this node's credentials: run `docker login` on this node as "
        "the user that the agent runs as, or POST the login to /v1/configuration/registries",
    ),
    (
        ("no matching manifest", "no match for platform", "specified platform"),
        "its registry has it for other platforms only: correct `platform`, or push it for this one",
    ),
    (
        ("manifest unknown", "manifest for", "not found", "name unknown", "invalid reference"),
        "its registry has no such image or tag: correct the name, or push the image there",
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
        "its registry cannot be reached from this node; we try again",
    ),
)


class Layers:
    """Adds up the lines of one pull; each line is about one layer."""

    def __init__(self) -> None:
        self._bytes: dict[str, tuple[int, int]] = {}
        self._here: set[str] = set()

    @property
    def progress(self) -> ImagePull:
        """The progress so far."""
        return ImagePull(
            sum(done for done, _ in self._bytes.values()),
            sum(total for _, total in self._bytes.values()),
            len(self._here),
            len(self._bytes),
        )

    def take(self, line: Mapping[str, Any]) -> None:
        """Take in one of Docker's lines; lines that are not about a layer change nothing."""
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


def pull_error(image: str, said: str) -> str:
    """Why an image could not be pulled, what to do about it, and what Docker said."""
    said = said[:SAID_CHARACTERS_MAX]
    plain = said.lower()
    for signs, advice in _ADVICE:
        if any(sign in plain for sign in signs):
            return f"image {image} could not be pulled: {advice} ({said})"
    return f"image {image} could not be pulled: {said}"
