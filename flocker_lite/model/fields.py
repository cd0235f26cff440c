"""Fields of a record that users set and see: each is declared once, with the record's own field.

A dataclass's field says `metadata=described(...)`. What a request may have, how it becomes a value
of the record, what an answer shows, the OpenAPI document and the documentation follow from that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, replace
from functools import cache
from typing import Any, TypeAlias, TypeVar

from flocker_lite.model.identities import NodeId

Schema: TypeAlias = Mapping[str, Any]
"""A JSON schema; "x-words" in it says for a person what it allows."""

Record = TypeVar("Record")

NULL_IS_THE_DEFAULT = ""
NULL_IS_REFUSED = None

_DESCRIPTION = "flocker_lite"


def same(value: Any) -> Any:
    """The value as it is."""
    return value


@dataclass(frozen=True, slots=True)
class Description:
    """What there is to know of a field besides its type and its default.

    `request` is the schema of what a request may have; None when users only see the field.
    `answer` is the schema of what is shown, where an older release let more pass. `parse` makes the
    record's value of one that passed the schema, `render` makes JSON of the record's value.

    A `required` field is in every new record's request, an `always` field in every answer; others
    are left out when they have their default. An `identity` cannot be changed. `null` says what
    null means in an update. `is_node` is the id of a node, shown as its address. `names_nodes`
    renders a value that has ids of nodes, with what finds their addresses. What `leads` is written
    before the others. Agents know the field since that version of the `protocol`; of a
    value that needs a later one, `protocol_of` says which. The OpenAPI document calls its schema
    as the field is called, or `schema_name`.
    """

    doc: str
    request: Schema | None
    answer: Schema
    name: str
    parse: Callable[[Any], Any]
    render: Callable[[Any], Any]
    required: bool
    always: bool
    identity: bool
    null: str | None
    is_node: bool
    names_nodes: Callable[[Any, Callable[[NodeId], str]], Any] | None
    leads: bool
    protocol: int
    protocol_of: Callable[[Any], int]
    schema_name: str


@dataclass(frozen=True, slots=True)
class Row:
    """A described field of a record: what the API calls it, what the record does, its default."""

    name: str
    attribute: str
    default: Any
    about: Description


def described(
    doc: str,
    request: Schema | None,
    answer: Schema | None = None,
    *,
    name: str = "",
    parse: Callable[[Any], Any] = same,
    render: Callable[[Any], Any] = same,
    required: bool = False,
    always: bool = False,
    identity: bool = False,
    null: str | None = NULL_IS_THE_DEFAULT,
    is_node: bool = False,
    names_nodes: Callable[[Any, Callable[[NodeId], str]], Any] | None = None,
    leads: bool = False,
    protocol: int = 1,
    protocol_of: Callable[[Any], int] = lambda _: 1,
    schema_name: str = "",
) -> dict[str, Description]:
    """The metadata of a dataclass's field; `name` only where the API calls it otherwise."""
    shown = answer if answer is not None else request
    assert shown is not None, "a field that nobody sets and nobody sees"
    return {
        _DESCRIPTION: Description(
            doc=doc,
            request=request,
            answer=shown,
            name=name,
            parse=parse,
            render=render,
            required=required,
            always=always or required,
            identity=identity,
            null=NULL_IS_REFUSED if required else null,
            is_node=is_node,
            names_nodes=names_nodes,
            leads=leads,
            protocol=protocol,
            protocol_of=protocol_of,
            schema_name=schema_name,
        )
    }


@cache
def rows(record_type: type) -> tuple[Row, ...]:
    """The described fields of a record, in the order in which they are written down."""
    found = [_row(field) for field in fields(record_type) if _DESCRIPTION in field.metadata]
    return tuple(sorted(found, key=lambda row: not row.about.leads))


def unknown_fields(record: object, protocol: int) -> tuple[tuple[Row, int], ...]:
    """The fields of the record that this protocol lacks, each with the protocol that has it.

    A field with its default value needs no support.
    """
    kind: type = type(record)
    return tuple(
        (row, needed)
        for row in rows(kind)
        if (value := getattr(record, row.attribute)) != row.default
        and (needed := max(row.about.protocol, row.about.protocol_of(value))) > protocol
    )


def revised(record: Record, body: Mapping[str, Any]) -> Record:
    """The record with what the body has of it; null stands for what a new one has."""
    kind: type = type(record)
    values = {
        row.attribute: row.default if body[row.name] is None else row.about.parse(body[row.name])
        for row in _changeable(kind)
        if row.name in body
    }
    return replace(record, **values)  # type: ignore[type-var]


def rendered(record: object, address: Callable[[NodeId], str]) -> dict[str, Any]:
    """What an answer shows of the record; `address` is what the API calls a node."""
    kind: type = type(record)
    body: dict[str, Any] = {}
    # Lists have very many of these: what is not there should cost nothing.
    for row in _answered(kind):
        value = getattr(record, row.attribute)
        if row.about.always or value != row.default:
            body[row.name] = _shown(row.about, value, address)
    return body


def _shown(about: Description, value: Any, address: Callable[[NodeId], str]) -> Any:
    if about.names_nodes is not None and value is not None:
        return about.names_nodes(value, address)
    return address(value) if about.is_node else about.render(value)


@cache
def _answered(record_type: type) -> tuple[Row, ...]:
    """First those that every answer has."""
    return tuple(sorted(rows(record_type), key=lambda row: not row.about.always))


@cache
def _changeable(record_type: type) -> tuple[Row, ...]:
    return tuple(
        row for row in rows(record_type) if row.about.request is not None and not row.about.identity
    )


def _row(field: Field[Any]) -> Row:
    about: Description = field.metadata[_DESCRIPTION]
    default = None if field.default is MISSING else field.default
    if field.default_factory is not MISSING:
        default = field.default_factory()
    return Row(about.name or field.name, field.name, default, about)


def reference(name: str) -> Schema:
    """A schema that is shared: the one of this name among the OpenAPI document's components."""
    return {"$ref": f"#/components/schemas/{name}"}


def whole(minimum: int, maximum: int = 2**63 - 1, doc: str = "", words: str = "") -> Schema:
    """The schema of a whole number. Parse it with `int`: JSON schema takes 1e9 for one."""
    schema: dict[str, Any] = {"type": "integer", "minimum": minimum, "maximum": maximum}
    if doc:
        schema["description"] = doc
    if words:
        schema["x-words"] = words
    return schema


def exactly(*, optional: Iterable[str] = (), **properties: Schema) -> Schema:
    """The schema of an object with these properties and no others."""
    left_out = set(optional)
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in left_out],
        "additionalProperties": False,
    }
