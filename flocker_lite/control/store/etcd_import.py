"""Takes a whole configuration into etcd, and out of it.

An import takes many transactions. A key says that it is going on; the last transaction removes that
key and writes the marker of a whole store, so half an import is never taken for a store.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import uuid4

from flocker_lite.control.store import etcd_requests
from flocker_lite.control.store.content import Content
from flocker_lite.control.store.etcd import (
    OPERATIONS_MAX,
    REQUEST_BYTES_MAX,
    generation_of,
    head_operation,
    led,
    marker_text,
    read_configuration,
    read_marker,
    require_small,
    writes,
)
from flocker_lite.control.store.etcd_client import Etcd, as_object
from flocker_lite.control.store.etcd_requests import Json
from flocker_lite.control.store.leadership import LEASE_SECONDS, Leadership
from flocker_lite.errors import StoreError
from flocker_lite.model import deltas
from flocker_lite.model.generations import next_generation
from flocker_lite.model.records import Configuration


async def fill(
    etcd: Etcd,
    content: Content,
    generation: int = 0,
    wall_seconds: Callable[[], float] = time.time,
) -> None:
    """Import a cluster's id and its configuration; StoreError unless there is none.

    It leads meanwhile, so that no control service can. What is left of an import that was
    interrupted is removed first. `generation` is that of where the configuration comes from.
    """
    leadership = Leadership(etcd, "", "", LEASE_SECONDS)
    await leadership.acquire(wall_seconds())
    try:
        await _require_empty(etcd)
        begin = [
            etcd_requests.delete_all(etcd.records),
            etcd_requests.delete(etcd.marker),
            etcd_requests.put(etcd.importing, "1"),
        ]
        await led(etcd, leadership, begin)
        for piece in _pieces(list(writes(etcd, deltas.whole(content.configuration)))):
            await led(etcd, leadership, piece)
        number = next_generation(generation, deltas.whole(content.configuration), wall_seconds())
        end = [
            etcd_requests.delete(etcd.importing),
            etcd_requests.put(etcd.marker, marker_text(content.cluster_id)),
            head_operation(etcd, number, str(uuid4())),
        ]
        await led(etcd, leadership, end)
    finally:
        await leadership.resign()


async def _require_empty(etcd: Etcd) -> None:
    marker, importing = await etcd.read(etcd.marker, etcd.importing)
    if marker is None or importing is not None:
        return
    as_object(marker)
    if await etcd.has_any(etcd.records):
        raise StoreError(
            f"etcd already has a configuration at {etcd.prefix}: choose another --etcd-prefix, or "
            f"remove it with `etcdctl del --prefix {etcd.prefix}`"
        )


def _pieces(operations: list[Json]) -> list[list[Json]]:
    """The operations in as many transactions as they need."""
    pieces: list[list[Json]] = []
    size = 0
    for operation in operations:
        more = etcd_requests.bytes_of([operation])
        if not pieces or len(pieces[-1]) == OPERATIONS_MAX or size + more > REQUEST_BYTES_MAX:
            pieces.append([])
            size = 0
        pieces[-1].append(operation)
        size += more
    for piece in pieces:
        require_small(piece)
    return pieces


async def read_content(etcd: Etcd) -> tuple[Content, int]:
    """The store as it is now, also while it is in use, and its generation; StoreError if none."""
    marker, head = await read_marker(etcd)
    if marker is None or head is None:
        raise StoreError(f"etcd has no store at {etcd.prefix}: name the etcd of a control service")
    configuration: Configuration
    configuration, _ = await read_configuration(etcd)
    return Content(str(as_object(marker)["cluster_id"]), configuration), generation_of(head)
