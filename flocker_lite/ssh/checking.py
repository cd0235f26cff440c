"""What a peer says, checked by its type before anything is done with it; pure.

All raise PeerRefused. A peer is another machine's root: nothing that it sends is taken on trust.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

from flocker_lite.errors import PeerRefused
from flocker_lite.interfaces import Lent, Released
from flocker_lite.model import codec
from flocker_lite.model.exact_images import ExactImage
from flocker_lite.model.grants import CHAIN_MAX, Chain, Signed
from flocker_lite.model.records import DatasetId, NodeId

Item = TypeVar("Item")

EPOCH_MAX = 2**53
LIST_LENGTH_MAX = 1000
SIGNED_CHARACTERS_MAX = 7000
"""A certificate and a signature; ours have 1,200."""

LOAN_SECONDS_MAX = 4000
"""Longer than any start period, with what is added to it."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_GUID = re.compile(r"[0-9A-Za-z-]{1,64}")
_CONTAINER = re.compile(r"[A-Za-z0-9_.-]{1,255}")
_IMAGE_ID = re.compile(r"(sha256:[0-9a-f]{64})?")
_DIGEST = re.compile(r"[a-z0-9][a-zA-Z0-9._:/-]{0,254}@sha256:[0-9a-f]{64}")
_PROPERTY = re.compile(r"[a-z_:.-]{1,64}")
_VALUE = re.compile(r"[0-9A-Za-z_./:-]{1,64}")
_TOKEN = re.compile(r"[0-9a-f]{32}")


def node(text: str) -> NodeId:
    return _matching(_UUID, text, "node id")


def dataset(text: str) -> DatasetId:
    return _matching(_UUID, text, "dataset id")


def datasets(texts: Sequence[str]) -> tuple[DatasetId, ...]:
    return tuple(dataset(text) for text in _some(texts))


def guid(text: str) -> str:
    return _matching(_GUID, text, "guid of a snapshot")


def base(text: str | None) -> str | None:
    """The guid of the snapshot that something starts from; None for nothing."""
    return guid(text) if text is not None else None


def guids(texts: Sequence[str]) -> frozenset[str]:
    return frozenset(guid(text) for text in _some(texts))


def container(text: str) -> str:
    return _matching(_CONTAINER, text, "name of a container")


def exact_image(text: str | None) -> ExactImage | None:
    """An image that is to be found, or pulled by one of its digests."""
    if text is None:
        return None
    try:
        found = codec.loads(ExactImage, text)
    except codec.CodecError as error:
        raise PeerRefused(f"not an image: {str(error)[:100]}") from None
    _matching(_IMAGE_ID, found.image_id, "id of an image")
    for digest in _some(found.digests):
        _matching(_DIGEST, digest, "digest of an image")
    return found


def properties(items: Sequence[dict[str, str | None]]) -> dict[str, str | None]:
    """What has the form of properties; which of them are let in is the gate's business."""
    found: dict[str, str | None] = {}
    for item in _some(items):
        name, value = _matching(_PROPERTY, str(item["name"]), "name of a property"), item["value"]
        if name in found:
            raise PeerRefused(f"{name} has two values")
        found[name] = _matching(_VALUE, value, f"value of {name}") if value is not None else None
    return found


def token(text: str) -> str:
    return _matching(_TOKEN, text, "token")


def epoch(number: int) -> int:
    return _between(number, 1, EPOCH_MAX, "epoch")


def loan_seconds(number: int) -> int:
    return _between(number, 1, LOAN_SECONDS_MAX, "number of seconds of a loan")


def chain(text: str) -> tuple[Signed, ...]:
    """What is in it is of no consequence here: who is shown it looks at every word."""
    try:
        links = codec.loads(Chain, text).links
    except codec.CodecError as error:
        raise PeerRefused(f"not a chain of what was signed: {str(error)[:100]}") from None
    if len(links) > CHAIN_MAX:
        raise PeerRefused(f"{len(links)} statements of a dataset, and {CHAIN_MAX} are the most")
    longest = max((len(link.certificate) + len(link.signature) for link in links), default=0)
    if longest > SIGNED_CHARACTERS_MAX:
        raise PeerRefused(f"a signed statement of {longest} characters")
    return links


def released(
    items: Sequence[dict[str, object]], proofs: Mapping[DatasetId, tuple[Signed, ...]]
) -> tuple[Released, ...]:
    return tuple(
        Released(
            dataset(str(item["dataset_id"])),
            epoch(int(str(item["epoch"]))),
            guid(str(item["guid"])),
            proofs.get(str(item["dataset_id"]), ()),
        )
        for item in _some(items)
    )


def lent(items: Sequence[dict[str, object]]) -> tuple[Lent, ...]:
    return tuple(
        Lent(
            dataset(str(item["dataset_id"])),
            epoch(int(str(item["epoch"]))),
            guid(str(item["guid"])),
        )
        for item in _some(items)
    )


def _matching(pattern: re.Pattern[str], text: str, what: str) -> str:
    if not pattern.fullmatch(text):
        raise PeerRefused(f"not the {what}: {text[:100]!r}")
    return text


def _between(number: int, least: int, most: int, what: str) -> int:
    if not least <= number <= most:
        raise PeerRefused(f"not the {what}: it is not from {least} to {most}")
    return number


def _some(items: Sequence[Item]) -> Sequence[Item]:
    if len(items) > LIST_LENGTH_MAX:
        raise PeerRefused(f"{len(items)} items, and {LIST_LENGTH_MAX} are the most")
    return items
