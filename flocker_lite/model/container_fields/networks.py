"""The networks of a container, in which others find it by its names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyrsistent import PMap, pmap

from flocker_lite.model.container_fields.text_schemas import HOST_NAME
from flocker_lite.model.fields import Schema, described

NETWORKS_PROTOCOL = 2
"""The version of the protocol since which agents know networks."""

_NETWORKS_MAX = 16
_ALIASES_MAX = 32
_NETWORK = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}"
_LEAVE_OUT = "Docker's default network is that of a container without networks: leave it out"
NOT_NETWORKS: Mapping[str, str] = {
    "host": "a container always has a network namespace of its own: publish its ports",
    "none": "a container always has a network: leave it out",
    "bridge": _LEAVE_OUT,
    "default": _LEAVE_OUT,
}
"""Names that Docker takes for something else than a network of ours, and what to do instead."""

_WANTED = rf"^(?!({'|'.join(NOT_NETWORKS)})$){_NETWORK}$(?!\n)"
_REFUSED = {name: {"advice": advice} for name, advice in NOT_NETWORKS.items()}
_ONE: Schema = {
    "type": "object",
    "properties": {
        "aliases": {
            "type": "array",
            "maxItems": _ALIASES_MAX,
            "uniqueItems": True,
            "items": HOST_NAME,
        }
    },
    "additionalProperties": False,
}
_BY_NAME: Schema = {"patternProperties": {rf"^{_NETWORK}$(?!\n)": _ONE}}
_OR_NULL: Schema = {
    "patternProperties": {
        _WANTED: {**_ONE, "type": ["object", "null"], "x-words": "an object or null"}
    }
}
_REQUEST: Schema = {
    "description": "A list of names, or an object that has the aliases in each network.",
    "type": ["array", "object"],
    "x-words": f"a list of at most {_NETWORKS_MAX} names of networks, or an object such as "
    '{"front": {"aliases": ["db"]}}',
    "x-key-words": "the name of a network",
    "minItems": 1,
    "maxItems": _NETWORKS_MAX,
    "x-refused": _REFUSED,
    "uniqueItems": True,
    "items": {
        "type": "string",
        "x-words": "the name of a network",
        "x-refused": _REFUSED,
        "pattern": _WANTED,
    },
    "minProperties": 1,
    "maxProperties": _NETWORKS_MAX,
    **_OR_NULL,
    "additionalProperties": False,
}

Networks = PMap[str, tuple[str, ...]]
"""The aliases in each network, by its name."""


def _parsed(given: list[str] | dict[str, Any]) -> Networks:
    """Of what passed the schema."""
    if isinstance(given, list):
        return pmap(dict.fromkeys(given, ()))
    return pmap({name: tuple((each or {}).get("aliases", ())) for name, each in given.items()})


def _rendered(networks: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    return {
        name: {"aliases": list(aliases)} if aliases else {}
        for name, aliases in sorted(networks.items())
    }


NETWORKS = described(
    "The networks in which containers find each other by their names and aliases.",
    _REQUEST,
    {"type": "object", **_BY_NAME, "additionalProperties": False},
    parse=_parsed,
    render=_rendered,
    protocol=NETWORKS_PROTOCOL,
)
