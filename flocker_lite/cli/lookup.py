"""Finds the item that a person names: by name, by id or by the beginning of an id; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any, TypeAlias

from flocker_lite.client.errors import BadRequest, NotFound

Item: TypeAlias = dict[str, Any]
PREFIX_CHARACTERS_MIN = 4


def node_names(item: Item) -> list[str]:
    """The words that name a node."""
    return [item[key] for key in ("host", "uuid", "hostname") if item.get(key)]


def dataset_names(item: Item) -> list[str]:
    """The words that name a dataset: its id, and the name in its metadata."""
    name = item.get("metadata", {}).get("name")
    return [item["dataset_id"], *([name] if name else [])]


def container_names(item: Item) -> list[str]:
    """The words that name a container."""
    return [item["name"]]


def move_names(item: Item) -> list[str]:
    """The words that name a move: its own id, its container, its datasets."""
    words = [item.get("move_id"), item.get("container"), *item.get("dataset_ids", ())]
    return [word for word in words if word]


def aside_names(item: Item) -> list[str]:
    """The words that name a copy that was set aside."""
    return [item["name"]]


def secret_names(item: Item) -> list[str]:
    """The words that name a secret."""
    return [item["name"]]


def registry_names(item: Item) -> list[str]:
    """The words that name a registry."""
    return [item["registry"]]


def node_host(word: str, nodes: Iterable[Item]) -> str:
    """The address of the one node that the word stands for."""
    return str(find(word, nodes, node_names, "node")["host"])


def find(
    word: str,
    items: Iterable[Item],
    names_of: Callable[[Item], list[str]],
    kind: str,
    is_whole: bool = False,
) -> Item:
    """The one item that the word stands for; with `is_whole` it has to be a whole name.

    A whole name wins over the beginning of an id. Raises NotFound, with the nearest name, if
    nothing matches, and BadRequest if several items match.
    """
    items = list(items)
    whole = [item for item in items if word in names_of(item)]
    begun = [] if is_whole else [item for item in items if _begins(word, names_of(item))]
    found = whole or begun
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(names_of(item)[0] for item in found[:5])
        raise BadRequest(f"{word!r} matches several {kind}s: {several}; type more of it")
    known = [each for item in items for each in names_of(item)]
    near = get_close_matches(word, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise NotFound(f"there is no {kind} {word!r}{hint}")


def _begins(word: str, words: list[str]) -> bool:
    if len(word) < PREFIX_CHARACTERS_MIN:
        return False
    return any(each.lower().startswith(word.lower()) for each in words)
