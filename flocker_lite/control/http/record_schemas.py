"""Derives schemas of the OpenAPI document from the fields of records; pure.

In components.yml, a schema with `x-fields: create Container` gets the properties of a request that
creates a container, in addition to its own; `update Container` those of a request that changes
one; and `answer Container` those of a response.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flocker_lite.control.http.problems import REFUSED, SEE
from flocker_lite.model import compose
from flocker_lite.model.fields import NULL_IS_REFUSED, Row, Schema, reference, rows
from flocker_lite.model.records import Container, Dataset

FIELDS = "x-fields"

_RECORDS: dict[str, type] = {record.__name__: record for record in (Container, Dataset)}


def complete(schemas: dict[str, Any]) -> None:
    """Add the properties that follow from the fields to the schemas of the document."""
    for schema in list(schemas.values()):
        if FIELDS in schema:
            use, record = schema.pop(FIELDS).split()
            properties, required = _USES[use](rows(_RECORDS[record]))
            schema["properties"] = {**properties, **schema.get("properties", {})}
            required += schema.get("required", [])
            if required:
                schema["required"] = required
            if record == Container.__name__ and use != "answer":
                schema[REFUSED] = _refused(schema["properties"])
                schema[SEE] = compose.WHERE
    for record_type in _RECORDS.values():
        for row in rows(record_type):
            schemas.update(_named(row))


def _refused(properties: Mapping[str, Schema]) -> dict[str, dict[str, str]]:
    """What to do about the keys of a Compose file that have another name here, or none."""
    found: dict[str, dict[str, str]] = {}
    for key in compose.KEYS:
        if key not in properties:
            field = compose.field_of(key)
            near = {} if field is None else {"nearest": field.name}
            found[key] = {"advice": compose.advice(key), **near}
    return found


def _create(known: tuple[Row, ...]) -> tuple[dict[str, Schema], list[str]]:
    properties = {row.name: _request(row) for row in known if row.about.request is not None}
    return properties, [row.name for row in known if row.about.required]


def _update(known: tuple[Row, ...]) -> tuple[dict[str, Schema], list[str]]:
    settable = [row for row in known if row.about.request is not None and not row.about.identity]
    return {row.name: _or_null(row) for row in settable}, []


def _answer(known: tuple[Row, ...]) -> tuple[dict[str, Schema], list[str]]:
    properties = {row.name: _answered(row) for row in known}
    return properties, [row.name for row in known if row.about.always]


_USES = {"create": _create, "update": _update, "answer": _answer}


def _or_null(row: Row) -> Schema:
    null = row.about.null
    if null is NULL_IS_REFUSED:
        return _request(row)
    either: Schema = {"anyOf": [_request(row), {"type": "null"}]}
    return {"description": null, **either} if null else either


def _request(row: Row) -> Schema:
    assert row.about.request is not None
    return _shared(row.about.request, _request_name(row))


def _answered(row: Row) -> Schema:
    return _shared(row.about.answer, _answer_name(row))


def _shared(schema: Schema, name: str) -> Schema:
    """A reference to the schema by its name; a reference or a trivial schema stays as it is."""
    return schema if "$ref" in schema or len(schema) == 1 else reference(name)


def _named(row: Row) -> dict[str, Schema]:
    """The schemas of the field, by their names."""
    found = {_answer_name(row): row.about.answer}
    if row.about.request is not None:
        found[_request_name(row)] = row.about.request
    return {name: schema for name, schema in found.items() if _shared(schema, name) is not schema}


def _answer_name(row: Row) -> str:
    return row.about.schema_name or "".join(word.capitalize() for word in row.name.split("_"))


def _request_name(row: Row) -> str:
    is_as_answered = row.about.request == row.about.answer
    return _answer_name(row) if is_as_answered else f"Wanted{_answer_name(row)}"
