"""The identity of a node: its UUID and its cluster, in a file that outlives reboots."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

from flocker_lite import durable
from flocker_lite.errors import ConfigurationFileError

FILE_NAME = "identity.json"
BOOT_ID_PATH = Path("/proc/sys/kernel/random/boot_id")


class IdentityFile:
    """The identity of this node. On first use it comes from the certificate, or is made up.

    Raises ConfigurationFileError when the file cannot be read or written, is damaged, or does not
    fit the certificate. It is never replaced: with a new identity the node would not know which
    data is its own.
    """

    def __init__(self, directory: Path, certified_node_id: str | None = None) -> None:
        self._path = directory / FILE_NAME
        self.node_id, self.cluster_id = self._load(certified_node_id)
        if certified_node_id not in (None, self.node_id):
            raise ConfigurationFileError(
                f"this is node {self.node_id}, as {self._path} says, but its certificate is that "
                f"of node {certified_node_id}: give it its own, made by `flocker-ca create-node "
                f"--uuid {self.node_id}`"
            )

    def join(self, cluster_id: str) -> None:
        """Write down for good which cluster this node belongs to."""
        self.cluster_id = cluster_id
        self._save()

    def _load(self, certified_node_id: str | None) -> tuple[str, str]:
        try:
            text = self._path.read_text("utf-8")
        except FileNotFoundError:
            self.node_id, self.cluster_id = certified_node_id or str(uuid.uuid4()), ""
            self._save()
            return self.node_id, self.cluster_id
        except OSError as error:
            raise ConfigurationFileError(f"{self._path} cannot be read: {error}") from None
        try:
            document = json.loads(text)
            return str(uuid.UUID(document["node_id"])), str(document["cluster_id"])
        except (ValueError, KeyError, TypeError):
            raise ConfigurationFileError(
                f"{self._path} is damaged: restore it from a backup, or write into it the UUID "
                "that GET /v1/state/nodes shows for this node"
            ) from None

    def _save(self) -> None:
        document = {"node_id": self.node_id, "cluster_id": self.cluster_id}
        try:
            durable.write(self._path, json.dumps(document))
        except OSError as error:
            raise ConfigurationFileError(f"{self._path} cannot be written: {error}") from None


def boot_era() -> str:
    """A UUID that changes with each boot."""
    return BOOT_ID_PATH.read_text("ascii").strip()
