"""Where a container's output goes, in Docker's terms."""

from __future__ import annotations

from typing import Any

from flocker_lite.containers.arguments.merging import HOST
from flocker_lite.model.container_fields.logs import JSON_FILE, Logging
from flocker_lite.model.records import Container

ROTATION = {"max-size": "10m", "max-file": "5"}
"""What Kubernetes has as well: enough for a look back, and little for a disk."""


def life_arguments(container: Container) -> dict[str, Any]:
    """What the user asked for; see `log_config` for a container without that."""
    logging = container.logging
    return {} if logging is None else {HOST: {"LogConfig": log_config(logging)}}


def log_config(logging: Logging | None) -> dict[str, Any]:
    """Docker's own default grows until the disk is full, so a json-file always rotates."""
    found = logging if logging is not None else Logging()
    rotation = ROTATION if found.driver == JSON_FILE else {}
    return {"Type": found.driver, "Config": {**rotation, **found.options}}
