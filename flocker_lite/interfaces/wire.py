"""How values are encoded between agents, and checked when they are decoded; pure.

The peer is root on another machine, so nothing that it sends is trusted. Every check raises
PeerRefused. The annotation of a request's field names its wire type.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, TypeVar, get_type_hints

from flocker_lite.errors import PeerRefused
from flocker_lite.model import codec
from flocker_lite.model.exact_images import ExactImage
from flocker_lite.model.grants import CHAIN_MAX, Chain, Signed
from flocker_lite.model.identities import UUID_PATTERN
from flocker_lite.model.properties import Properties
from flocker_lite.model.records import DatasetId, NodeId

EPOCH_MAX = 2**53
LIST_LENGTH_MAX = 1000
SIGNED_CHARACTERS_MAX = 7000
"""The most characters of a certificate with a signature; ours have 1,200."""

TRIAL_SECONDS_MAX = 4000
"""Longer than the longest start period with its extra time."""


class Form(Enum):
    """The type of a single value in an AMP box."""

    TEXT = "text"
    WHOLE = "whole"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class ListForm:
    """Several values of one form."""

    item: Form


@dataclass(frozen=True, slots=True)
class BoxForm:
    """Several boxes, each with these fields."""

    fields: Mapping[str, Field]


@dataclass(frozen=True, slots=True)
class Wire:
    """How a value is sent: its form, `encode`, and `decode`, which checks it."""

    form: Form | ListForm | BoxForm
    decode: Callable[[Any], Any] = lambda raw: raw
    encode: Callable[[Any], Any] = lambda value: value


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a box; an optional field may be missing, and then has its `default`."""

    wire: Wire
    is_optional: bool = False
    default: Any = None


_FIELDS: dict[type, Mapping[str, Field]] = {}


def fields_of(kind: type) -> Mapping[str, Field]:
    """The fields of a dataclass that are sent, with the wire types of their annotations.

    A field with a default is optional.
    """
    if kind not in _FIELDS:
        _FIELDS[kind] = _fields_of(kind)
    return _FIELDS[kind]


def _fields_of(kind: type) -> Mapping[str, Field]:
    hints = get_type_hints(kind, include_extras=True)
    found = {}
    for field in dataclasses.fields(kind):
        for wire in getattr(hints[field.name], "__metadata__", ()):
            if isinstance(wire, Wire):
                is_optional = field.default is not dataclasses.MISSING
                default = field.default if is_optional else None
                found[field.name] = Field(wire, is_optional, default)
    return found


def encode_fields(fields: Mapping[str, Field], value: Any) -> dict[str, Any]:
    """The encoded fields of a value; None for a field that is not sent."""
    encoded = {}
    for name, field in fields.items():
        given = getattr(value, name)
        encoded[name] = field.wire.encode(given) if given is not None else None
    return encoded


def decode_fields(fields: Mapping[str, Field], raw: Mapping[str, Any]) -> dict[str, Any]:
    """The decoded and checked fields; raises PeerRefused."""
    return {
        name: field.wire.decode(raw[name]) if raw.get(name) is not None else field.default
        for name, field in fields.items()
    }


def text(pattern: str, what: str) -> Wire:
    """A text that must match the whole pattern."""
    compiled = re.compile(pattern)
    return Wire(Form.TEXT, lambda raw: _matching(compiled, raw, what))


def whole(least: int, most: int, what: str) -> Wire:
    """A whole number between bounds."""

    def decode(number: int) -> int:
        if not least <= number <= most:
            raise PeerRefused(f"not a valid {what}: it is not from {least} to {most}")
        return number

    return Wire(Form.WHOLE, decode, int)


def several(
    item: Wire, collected: Callable[[Any], Any] = tuple, as_list: Callable[[Any], Any] = list
) -> Wire:
    """At most LIST_LENGTH_MAX values of one wire type."""
    assert isinstance(item.form, Form)
    return Wire(
        ListForm(item.form),
        lambda raw: collected(item.decode(each) for each in _some(raw)),
        lambda values: [item.encode(each) for each in as_list(values)],
    )


def boxes(kind: type) -> Wire:
    """At most LIST_LENGTH_MAX records of one kind; fields that are not sent have their default."""
    fields = fields_of(kind)
    return Wire(
        BoxForm(fields),
        lambda raw: tuple(kind(**decode_fields(fields, each)) for each in _some(raw)),
        lambda values: [encode_fields(fields, each) for each in values],
    )


def exact_image(raw: str) -> ExactImage:
    """An exact image, with its id and digests checked."""
    try:
        found = codec.loads(ExactImage, raw)
    except codec.CodecError as error:
        raise PeerRefused(f"not an image: {str(error)[:100]}") from None
    _matching(_IMAGE_ID, found.image_id, "id of an image")
    for digest in _some(found.digests):
        _matching(_DIGEST, digest, "digest of an image")
    return found


def chain(raw: str) -> tuple[Signed, ...]:
    """A chain of signed statements, with only its size checked: the control service verifies it."""
    try:
        links = codec.loads(Chain, raw).links
    except codec.CodecError as error:
        raise PeerRefused(f"not a chain of signed statements: {str(error)[:100]}") from None
    if len(links) > CHAIN_MAX:
        raise PeerRefused(f"{len(links)} statements about a dataset: at most {CHAIN_MAX} may come")
    longest = max((len(link.certificate) + len(link.signature) for link in links), default=0)
    if longest > SIGNED_CHARACTERS_MAX:
        raise PeerRefused(
            f"a signed statement of {longest} characters: at most {SIGNED_CHARACTERS_MAX} may come"
        )
    return links


def properties(raw: Collection[dict[str, str | None]]) -> dict[str, str | None]:
    """Well-formed properties; the service decides which of them it accepts."""
    found: dict[str, str | None] = {}
    for item in _some(raw):
        name, value = _matching(_PROPERTY, str(item["name"]), "name of a property"), item["value"]
        if name in found:
            raise PeerRefused(f"{name} has two values")
        found[name] = _matching(_VALUE, value, f"value of {name}") if value is not None else None
    return found


def _encode_properties(values: Properties) -> list[dict[str, str | None]]:
    return [{"name": name, "value": value} for name, value in sorted(values.items())]


def _matching(pattern: re.Pattern[str], raw: str, what: str) -> str:
    if not pattern.fullmatch(raw):
        raise PeerRefused(f"not a valid {what}: {raw[:100]!r}")
    return raw


Items = TypeVar("Items", bound=Collection[Any])


def _some(items: Items) -> Items:
    if len(items) > LIST_LENGTH_MAX:
        raise PeerRefused(f"{len(items)} items: at most {LIST_LENGTH_MAX} may come")
    return items


_IMAGE_ID = re.compile(r"(sha256:[0-9a-f]{64})?")
_DIGEST = re.compile(r"[a-z0-9][a-zA-Z0-9._:/-]{0,254}@sha256:[0-9a-f]{64}")
_PROPERTY = re.compile(r"[a-z_:.-]{1,64}")
_VALUE = re.compile(r"[0-9A-Za-z_./:-]{1,64}")

UNCHECKED_TEXT, UNCHECKED_WHOLE, FLAG = Wire(Form.TEXT), Wire(Form.WHOLE), Wire(Form.FLAG, bool)
NODE = text(UUID_PATTERN, "node id")
DATASET = text(UUID_PATTERN, "dataset id")
GUID = text(r"[0-9A-Za-z-]{1,64}", "guid of a snapshot")
TOKEN = text(r"[0-9a-f]{32}", "token")

UncheckedText = Annotated[str, UNCHECKED_TEXT]
UncheckedWhole = Annotated[int, UNCHECKED_WHOLE]
Flag = Annotated[bool, FLAG]
RareFlag = Annotated[bool, Wire(Form.FLAG, bool, lambda value: value or None)]
"""A flag that is sent only when it is true."""
Node = Annotated[NodeId, NODE]
Dataset = Annotated[DatasetId, DATASET]
Datasets = Annotated[tuple[DatasetId, ...], several(DATASET)]
Epoch = Annotated[int, whole(1, EPOCH_MAX, "epoch")]
Guid = Annotated[str, GUID]
Base = Annotated[str | None, GUID]
"""The guid of the snapshot that a stream starts from; None for a full stream."""
Guids = Annotated[frozenset[str], several(GUID, frozenset, sorted)]
ContainerName = Annotated[str, text(r"[A-Za-z0-9_.-]{1,255}", "name of a container")]
Token = Annotated[str, TOKEN]
TrialSeconds = Annotated[float, whole(1, TRIAL_SECONDS_MAX, "number of seconds of a trial")]
Image = Annotated[ExactImage | None, Wire(Form.TEXT, exact_image, codec.dumps)]
SignedChain = Annotated[
    tuple[Signed, ...], Wire(Form.TEXT, chain, lambda links: codec.dumps(Chain(links)))
]
PropertyValues = Annotated[
    Properties,
    Wire(
        BoxForm({"name": Field(UNCHECKED_TEXT), "value": Field(UNCHECKED_TEXT, True)}),
        properties,
        _encode_properties,
    ),
]
