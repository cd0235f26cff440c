"""The types of the ids of nodes and datasets, for modules that need nothing else of them."""

from __future__ import annotations

from typing import TypeAlias

NodeId: TypeAlias = str
"""UUID of a node, lower case; made by its agent and kept on its disk."""

DatasetId: TypeAlias = str
"""UUID of a dataset, lower case."""

UUID_PATTERN = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
"""What either matches as a whole."""
