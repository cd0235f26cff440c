"""Who a node is: its UUID and its cluster, in a file that outlives reboots."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

from flocker_lite import durable
from flocker_lite.errors import ConfigurationFileError

FILE_NAME = "identity.json"
BOOT_ID_PATH = Path("/proc/sys/kernel/random/boot_id")


class IdentityFile:
    """The identity of this node, made on first use: the one in its certificate, if it has one.

    Raises ConfigurationFileError when the file cannot be read or written, or is damaged, or the
    certificate is another node's: a new identity in its place would make the node forget which
    data is its own.
    """

    def __init__(self, directory: Path, certified_node_id: str | None = None) -> None:
        self._path = directory / FILE_NAME
        self.node_id, self.cluster_id = self._load(certified_node_id)
        if certified_node_id not in (None, self.node_id):
            raise ConfigurationFileError(
                f"this is node {self.node_id}, as {self._path} says, and its certificate is that "
                f"of node {certified_node_id}: give it its own, which `flocker-ca create-node "
                f"--uuid {self.node_id}` makes"
            )

    def join(self, cluster_id: str) -> None:
        """Note for good which cluster this node belongs to."""
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
                f"{self._path} is damaged: bring it back from a backup, or write the UUID by which "
                "GET /v1/state/nodes knows this node into it"
            ) from None

    def _save(self) -> None:
        document = {"node_id": self.node_id, "cluster_id": self.cluster_id}
        try:
            durable.write(self._path, json.dumps(document))
        except OSError as error:
            raise ConfigurationFileError(f"{self._path} cannot be written: {error}") from None


def boot_era() -> str:
    """A UUID that is another one after each boot."""
    return BOOT_ID_PATH.read_text("ascii").strip()
