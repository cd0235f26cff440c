"""All that a store holds, and its form as one YAML file, for export and import; pure.

    format: 1
    cluster_id: 6e6e0d3c-...
    nodes: {<node's UUID>: {node_id, address}}
    datasets: {<dataset_id>: {dataset_id, primary, metadata, maximum_size, deleted}}
    containers: {<name>: {name, node, image, ...}}
    grants: {<dataset_id>: {owner, epoch, materialised}}
    leases: {<dataset_id>: {dataset_id, node, expires_at}}
    images: {<image_id>: {image_id, node, image}}
    moves: {<move_id>: {move_id, source, destination, ...}}
    past_moves: {<move_id>: {move, verdict, ...}}
    discards: {<name>: {name, nodes}}

The records are those of `flocker_lite.model.records`; what has its default is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

import yaml

from flocker_lite.errors import StoreError
from flocker_lite.model import codec, deltas
from flocker_lite.model.records import Change, Configuration
from flocker_lite.model.soundness import problems

FORMAT = 1
PROBLEMS_MAX = 5

_KINDS = tuple(field.name for field in fields(Configuration))


@dataclass(frozen=True, slots=True)
class Content:
    """The cluster's UUID and its configuration."""

    cluster_id: str
    configuration: Configuration


def to_yaml(content: Content) -> str:
    """The content as text, the same for equal contents."""
    document: dict[str, Any] = {"format": FORMAT, "cluster_id": content.cluster_id}
    for kind in _KINDS:
        records = getattr(content.configuration, kind)
        document[kind] = {
            identity: codec.to_json(records[identity]) for identity in sorted(records)
        }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def from_yaml(text: str) -> Content:
    """The content that `to_yaml` made the text of; StoreError that says what is wrong with it."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise StoreError(f"not YAML: {error}") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise StoreError(f"not an exported configuration: it should begin with `format: {FORMAT}`")
    unknown = set(document).difference({"format", "cluster_id", *_KINDS})
    if unknown:
        raise StoreError(
            f"unknown key {', '.join(sorted(map(str, unknown)))}: correct or remove it"
        )
    try:
        cluster_id = str(UUID(document["cluster_id"]))
    except (KeyError, ValueError, TypeError, AttributeError):
        raise StoreError("`cluster_id:` should be a UUID") from None
    changes: list[Change] = []
    for kind in _KINDS:
        changes += _changes(kind, document.get(kind) or {})
    configuration = deltas.apply(Configuration(), changes)
    require_sound(configuration)
    return Content(cluster_id, configuration)


def require_sound(configuration: Configuration) -> None:
    """StoreError with what is wrong between the records of a configuration from elsewhere."""
    found = problems(configuration)
    if found:
        more = f" (and {len(found) - PROBLEMS_MAX} more)" if len(found) > PROBLEMS_MAX else ""
        raise StoreError("; ".join(found[:PROBLEMS_MAX]) + more)


def _changes(kind: str, records: object) -> list[Change]:
    if not isinstance(records, dict):
        raise StoreError(f"`{kind}:` should be a mapping")
    try:
        return [
            codec.change_from_json(Configuration, [kind, identity, record or {}])
            for identity, record in records.items()
        ]
    except codec.CodecError as error:
        raise StoreError(f"`{kind}:` {error}") from None
