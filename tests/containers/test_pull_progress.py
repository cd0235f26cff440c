"""Docker's lines about a pull, added up."""

from __future__ import annotations

from flocker_lite.containers.pull_progress import Layers
from flocker_lite.model.state import ImagePull


def test_progress() -> None:
    """Bytes and layers, as Docker tells them; what is here already counts as a layer alone."""
    layers = Layers()
    for line in (
        {"status": "Pulling from library/redis", "id": "latest"},
        {"status": "Already exists", "progressDetail": {}, "id": "a"},
        {"status": "Pulling fs layer", "progressDetail": {}, "id": "b"},
        {"status": "Waiting", "progressDetail": {}, "id": "c"},
        {"status": "Downloading", "progressDetail": {"current": 50, "total": 200}, "id": "b"},
    ):
        layers.take(line)
    assert layers.progress == ImagePull(50, 200, 1, 3)
    for line in (
        {"status": "Download complete", "progressDetail": {}, "id": "b"},
        {"status": "Extracting", "progressDetail": {"current": 7, "total": 200}, "id": "b"},
        {"status": "Downloading", "progressDetail": {"current": 10, "total": 10}, "id": "c"},
    ):
        layers.take(line)
    assert layers.progress == ImagePull(210, 210, 1, 3)
    for layer in "bc":
        layers.take({"status": "Pull complete", "progressDetail": {}, "id": layer})
    layers.take({"status": "Status: Downloaded newer image for redis:latest"})
    assert layers.progress == ImagePull(210, 210, 3, 3)
