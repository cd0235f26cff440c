"""The content of a store, and its form as one YAML file, for export and import; pure.

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
    secrets: {<name>: {name, created_at, changed_at}}
    registries: {<host>: {registry, user, changed_at}}
    fencings: {<container>: {generation, witnesses, longest_seconds}}
    forgotten: {<node's UUID>: {node_id, address, forgotten_at}}

The records are those of `flocker_lite.model.records`, without fields that have their default. The
values of secrets, `data`, and passwords of registries are there only if they are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any
from uuid import UUID

import yaml
from pyrsistent import pmap

from flocker_lite.errors import StoreError
from flocker_lite.model import codec, deltas
from flocker_lite.model.records import Change, Configuration
from flocker_lite.model.validation import problems

FORMAT = 1
PROBLEMS_MAX = 5

_KINDS = tuple(field.name for field in fields(Configuration))


@dataclass(frozen=True, slots=True)
class Content:
    """The cluster's UUID and its configuration."""

    cluster_id: str
    configuration: Configuration


def to_yaml(content: Content, with_secrets: bool = False) -> str:
    """The content as YAML; equal contents give equal texts."""
    if not with_secrets:
        content = replace(content, configuration=_without_values(content.configuration))
    document: dict[str, Any] = {"format": FORMAT, "cluster_id": content.cluster_id}
    for kind in _KINDS:
        records = getattr(content.configuration, kind)
        document[kind] = {
            identity: codec.to_json(records[identity]) for identity in sorted(records)
        }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def _without_values(configuration: Configuration) -> Configuration:
    secrets = {name: replace(each, data="") for name, each in configuration.secrets.items()}
    logins = configuration.registries.items()
    registries = {name: replace(each, password="") for name, each in logins}
    return replace(configuration, secrets=pmap(secrets), registries=pmap(registries))


def _without_witnesses(configuration: Configuration) -> Configuration:
    """What primaries counted when this was exported may not be what they count now."""
    fencings = configuration.fencings.items()
    none = pmap({name: replace(each, witnesses=()) for name, each in fencings})
    return replace(configuration, fencings=none)


def from_yaml(text: str) -> Content:
    """Parse what `to_yaml` wrote; StoreError says what is wrong."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise StoreError(f"not YAML: {error}") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise StoreError(f"not an exported configuration: it has to begin with `format: {FORMAT}`")
    unknown = set(document).difference({"format", "cluster_id", *_KINDS})
    if unknown:
        raise StoreError(
            f"unknown key {', '.join(sorted(map(str, unknown)))}: correct or remove it"
        )
    try:
        cluster_id = str(UUID(document["cluster_id"]))
    except (KeyError, ValueError, TypeError, AttributeError):
        raise StoreError("`cluster_id:` has to be a UUID") from None
    changes: list[Change] = []
    for kind in _KINDS:
        changes += _changes(kind, document.get(kind) or {})
    configuration = _without_witnesses(deltas.apply(Configuration(), changes))
    require_valid(configuration)
    return Content(cluster_id, configuration)


def require_valid(configuration: Configuration) -> None:
    """Raise StoreError if the records of an imported configuration contradict each other."""
    found = problems(configuration)
    if found:
        more = f" (and {len(found) - PROBLEMS_MAX} more)" if len(found) > PROBLEMS_MAX else ""
        raise StoreError("; ".join(found[:PROBLEMS_MAX]) + more)


def _changes(kind: str, records: object) -> list[Change]:
    if not isinstance(records, dict):
        raise StoreError(f"`{kind}:` has to be a mapping")
    try:
        return [
            codec.change_from_json(Configuration, [kind, identity, record or {}])
            for identity, record in records.items()
        ]
    except codec.CodecError as error:
        raise StoreError(f"`{kind}:` {error}") from None
