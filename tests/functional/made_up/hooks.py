"""Makes requests that are made up possible where no schema can say what is.

They name nodes that there are, and their texts for sizes and times are sizes and times.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import schemathesis

from flocker_lite.control.http import openapi
from flocker_lite.model.quantities import UNIT
from tests.conformance.rows import ADDRESS_1, ADDRESS_2, NODE_1, NODE_2

_NODES = (ADDRESS_1, ADDRESS_2, NODE_1, NODE_2)
_NODE_KEYS = ("primary", "host", "node_uuid", "owner")
_is_node_name = openapi.load().validator("/components/schemas/NodeName").is_valid


_TEXTS = {"bytes": "64m", "seconds": "1s"}
_LONGER = "10s"


def _text(schema: Any) -> str:
    """A text for a quantity; short, since some requests take as long as they say."""
    is_short = schema[UNIT] != "seconds" or schema.get("minimum", 0) <= 1
    return _TEXTS[schema[UNIT]] if is_short else _LONGER


def _quantities(schema: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """The names of all properties and parameters that are quantities, with a text for each."""
    if isinstance(schema, list):
        for each in schema:
            yield from _quantities(each, name)
    elif isinstance(schema, dict):
        if UNIT in schema:
            yield name, _text(schema)
        target = _schemas.get(str(schema.get("$ref", "")).rpartition("/")[2], {})
        if target and "$ref" not in str(target):
            yield from _quantities(target, name)
        name = schema["name"] if isinstance(schema.get("name"), str) else name
        for key, each in schema.items():
            inner = name if key in ("anyOf", "oneOf", "schema") else key
            yield from _quantities(each, inner)


_schemas: Any = openapi.load().content["components"]["schemas"]
_QUANTITIES = dict(_quantities(openapi.load().content))


def _put_quantities(value: Any) -> None:
    if isinstance(value, list):
        for each in value:
            _put_quantities(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if isinstance(each, str) and key in _QUANTITIES:
                value[key] = _QUANTITIES[key]
            _put_quantities(each)


def _put_standbys(value: Any) -> None:
    """Put known nodes in all lists of nodes that have names of nodes alone."""
    if isinstance(value, dict):
        nodes = value.get("nodes")
        if isinstance(nodes, list) and all(map(_is_node_name, nodes)):
            value["nodes"] = [ADDRESS_1, ADDRESS_2][: len(nodes)]
        for each in value.values():
            _put_standbys(each)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Put the names of known nodes where there are names of nodes at all, and so with texts."""
    _put_standbys(case.body)
    if "/copies/" in case.operation.path:
        host = case.path_parameters["host"]
        case.path_parameters["host"] = _NODES[len(host) % len(_NODES)]
    for values in (case.body, case.query):
        _put_quantities(values)
        if not isinstance(values, dict):
            continue
        for key in _NODE_KEYS:
            name = values.get(key)
            if isinstance(name, str) and _is_node_name(name):
                values[key] = _NODES[len(name) % len(_NODES)]
