"""What a person means by what is at hand: a name, an id or the beginning of one; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any, TypeAlias

from flocker_lite.client.errors import BadRequest, NotThere

Item: TypeAlias = dict[str, Any]
PREFIX_CHARACTERS_MIN = 4


def node_words(item: Item) -> list[str]:
    """What a node may be called by."""
    return [item[key] for key in ("host", "uuid", "hostname") if item.get(key)]


def dataset_words(item: Item) -> list[str]:
    """What a dataset may be called by: its id, and the name in its metadata."""
    name = item.get("metadata", {}).get("name")
    return [item["dataset_id"], *([name] if name else [])]


def container_words(item: Item) -> list[str]:
    """What a container may be called by."""
    return [item["name"]]


def move_words(item: Item) -> list[str]:
    """What a move may be called by: its own id, its container, its datasets."""
    words = [item.get("move_id"), item.get("container"), *item.get("dataset_ids", ())]
    return [word for word in words if word]


def find(
    word: str, items: Iterable[Item], words_of: Callable[[Item], list[str]], kind: str
) -> Item:
    """The one item that the word stands for.

    A whole name goes before the beginning of an id. NotThere, with what is near, when there is
    none; BadRequest when there are several.
    """
    items = list(items)
    whole = [item for item in items if word in words_of(item)]
    found = whole or [item for item in items if _begins(word, words_of(item))]
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(words_of(item)[0] for item in found[:5])
        raise BadRequest(f"{word!r} may be several {kind}s: {several}; write more of it")
    known = [each for item in items for each in words_of(item)]
    near = get_close_matches(word, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise NotThere(f"there is no {kind} {word!r}{hint}")


def _begins(word: str, words: list[str]) -> bool:
    if len(word) < PREFIX_CHARACTERS_MIN:
        return False
    return any(each.lower().startswith(word.lower()) for each in words)
