"""Makes requests that are made up name nodes that there are: no schema can say which do."""

from __future__ import annotations

from typing import Any

import schemathesis

from flocker_lite.control.http import document
from tests.conformance.rows import ADDRESS_1, ADDRESS_2, NODE_1, NODE_2

_NODES = (ADDRESS_1, ADDRESS_2, NODE_1, NODE_2)
_NODE_KEYS = ("primary", "host", "node_uuid", "owner")
_is_node_name = document.load().validator("/components/schemas/NodeName").is_valid


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Put the names of known nodes where there are names of nodes at all."""
    for values in (case.body, case.query):
        if not isinstance(values, dict):
            continue
        for key in _NODE_KEYS:
            name = values.get(key)
            if isinstance(name, str) and _is_node_name(name):
                values[key] = _NODES[len(name) % len(_NODES)]
