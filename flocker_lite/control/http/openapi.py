"""The OpenAPI document: the operations, and the schemas of their parameters and bodies."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import islice
from typing import Any, TypeAlias

import yaml
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from flocker_lite import __version__
from flocker_lite.control.http import problems, record_schemas
from flocker_lite.control.http.lean_jsonschema import (
    Draft202012Validator,
    FormatChecker,
    ValidationError,
    Validator,
    extend,
)
from flocker_lite.control.http.problems import Found, Problem, Schema
from flocker_lite.control.http.suggestions import nearest
from flocker_lite.model import mountpoints, quantities
from flocker_lite.model.container_fields import network, ports

_URI = "urn:flocker-lite:openapi"
_METHODS = ("get", "post", "delete")

_ROOT = re.compile(r"(/\.{0,2})+")

WRITE_ONLY = "x-write-only"
"""The keyword of a schema whose values must be in no response, whatever is wrong with them."""

DRY_RUN = "dry_run"

NEEDS_WRITE = "x-needs-write"
"""The keyword of an operation whose dry run, too, is only for users who may write."""

MISSPELT_MIN = 0.75
"""How similar to a parameter an unknown one has to be for a read to refuse it."""

Given: TypeAlias = Mapping[str, list[str]]
"""The values in a query string for each name."""

VIOLATIONS_MAX = 100
VIOLATION_CHARACTERS_MAX = 1000


@dataclass(frozen=True, slots=True)
class QueryParameter:
    """A parameter of the query string; its text stands for a JSON value of type `kind`.

    With a `unit` the text stands for a quantity, which becomes a number.
    """

    name: str
    kind: str
    validator: Validator
    allowed: str = ""
    unit: str | None = None

    def value(self, text: str) -> Any:
        """The JSON value; the text itself if it is not of the type."""
        try:
            if self.unit is not None:
                return quantities.PARSERS[self.unit](text)
            match self.kind:
                case "integer":
                    return int(text) if text.isascii() and text.isdecimal() else text
                case "boolean":
                    return {"true": True, "1": True, "false": False, "0": False}.get(text, text)
        except ValueError:
            pass
        return text


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path, named as its handler; `validator` is None if it takes no body.

    `write_only` says in words what a body must be that errors do not quote, because of its secrets.
    """

    name: str
    method: str
    path: str
    validator: Validator | None
    parameters: tuple[QueryParameter, ...] = ()
    found: Found = lambda schema: schema
    write_only: str | None = None
    needs_write: bool = False

    @property
    def reads(self) -> bool:
        """Whether the operation changes nothing."""
        return self.method == "GET"

    def asks_only(self, given: Given) -> bool:
        """Whether a request with this query is a dry run, which everybody may make."""
        if self.needs_write:
            return False
        texts = given.get(DRY_RUN, [])
        known = [each for each in self.parameters if each.name == DRY_RUN]
        return any(each.value(text) is True for each in known for text in texts)

    def query(self, given: Given) -> tuple[dict[str, Any], tuple[str, ...], list[Problem]]:
        """The values of its parameters; and what is wrong, as `errors` and as `problems`.

        Flocker 0.4 ignored query strings. A write refuses every unknown parameter, because it
        might be a misspelt dry run. A read refuses only what looks like a misspelt parameter.
        """
        values: dict[str, Any] = {}
        violations: list[str] = []
        found: list[Problem] = []
        for name in islice(self._unknown(given), VIOLATIONS_MAX):
            violations.append(f"{shorten(name)}: unknown")
            known = [parameter.name for parameter in self.parameters]
            found.append(problems.unknown(f"?{shorten(name)}", name, known, "query parameter"))
        for parameter in self.parameters:
            texts = given.get(parameter.name, [])
            path = f"?{parameter.name}"
            if len(texts) > 1:
                violations.append(f"{parameter.name}: given {len(texts)} times")
                found.append(problems.problem_with(path, texts, "a single value"))
            for text in texts[:1]:
                value = values[parameter.name] = parameter.value(text)
                errors = list(parameter.validator.iter_errors(value))
                violations += [f"{parameter.name}: {shorten(error.message)}" for error in errors]
                if errors:
                    found.append(problems.problem_with(path, value, parameter.allowed))
        return values, tuple(violations), found

    def _unknown(self, given: Given) -> Iterator[str]:
        known = {parameter.name for parameter in self.parameters}
        for name in given:
            if name not in known and (not self.reads or nearest(name, known, MISSPELT_MIN)):
                yield name

    def judged(self, body: Any) -> tuple[tuple[str, ...], list[Problem]]:
        """What is wrong with a request body, as `errors` and as `problems`."""
        assert self.validator is not None
        if self.write_only is not None:
            return self._judged_unquoted(body, self.write_only)
        errors = list(islice(_leaves(self.validator.iter_errors(body)), VIOLATIONS_MAX))
        texts = tuple(shorten(error.message) for error in errors)
        return texts, problems.explain(errors, self.found)

    def _judged_unquoted(self, body: Any, allowed: str) -> tuple[tuple[str, ...], list[Problem]]:
        """The same for a body with a secret in it: nothing of it is quoted, wherever it is."""
        assert self.validator is not None
        if self.validator.is_valid(body):
            return (), []
        text = f"the body is not {allowed}; it is not quoted here, because it may hold a secret"
        return (text,), [{"path": "$", "allowed": allowed, "message": text}]


class Document:
    """An OpenAPI 3.1 document, as JSON values in `content`."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.content = content
        self._registry: Registry[Any] = Registry().with_resource(
            _URI, DRAFT202012.create_resource(content)
        )

    def operations(self) -> Iterator[Operation]:
        """Every operation, with its whole path."""
        prefix = self.content["servers"][0]["url"]
        for path, item in self.content["paths"].items():
            for method in _METHODS:
                if method in item:
                    yield self._operation(method, path, prefix)

    def _operation(self, method: str, path: str, prefix: str) -> Operation:
        operation = self.content["paths"][path][method]
        validator, write_only = None, None
        if "requestBody" in operation:
            schema = self.found(operation["requestBody"]["content"]["application/json"]["schema"])
            write_only = schema[problems.WORDS] if WRITE_ONLY in schema else None
            content = f"/paths/{_escape(path)}/{method}/requestBody/content"
            validator = self.validator(f"{content}/application~1json/schema")
        return Operation(
            operation["operationId"],
            method.upper(),
            prefix + path,
            validator,
            tuple(self._query_parameters(path, method)),
            self.found,
            write_only,
            operation.get(NEEDS_WRITE, False),
        )

    def found(self, schema: Schema) -> Schema:
        """The target of a schema that is a reference; any other schema as it is."""
        while "$ref" in schema:
            schema = self.content["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return schema

    def _query_parameters(self, path: str, method: str) -> Iterator[QueryParameter]:
        parameters = self.content["paths"][path][method].get("parameters", [])
        for number, parameter in enumerate(parameters):
            pointer = f"/paths/{_escape(path)}/{method}/parameters/{number}"
            if "$ref" in parameter:
                pointer = parameter["$ref"].removeprefix("#")
                parameter = self.content["components"]["parameters"][pointer.rpartition("/")[2]]
            if parameter["in"] == "query":
                validator = self.validator(f"{pointer}/schema")
                schema = parameter["schema"]
                kind, allowed = schema.get("type", "string"), problems.words(schema, self.found)
                unit = schema.get(quantities.UNIT)
                yield QueryParameter(parameter["name"], kind, validator, allowed, unit)

    def validator(self, pointer: str) -> Validator:
        """A validator of the schema at this JSON pointer in the document."""
        return _Validator(
            {"$ref": f"{_URI}#{pointer}"}, registry=self._registry, format_checker=_formats
        )


@cache
def load() -> Document:
    """The document of this package; cached, so do not change its content."""
    package = resources.files(__package__)
    parts = [
        yaml.safe_load(package.joinpath(name).read_text("utf-8"))
        for name in ("openapi.yml", "components.yml")
    ]
    record_schemas.complete(parts[1]["schemas"])
    info = {**parts[0]["info"], "version": __version__}
    return Document({**parts[0], "info": info, "components": parts[1]})


def shorten(message: str) -> str:
    """The message, without its middle if it quotes too much of a request."""
    surplus = len(message) - VIOLATION_CHARACTERS_MAX
    if surplus <= 0:
        return message
    half = VIOLATION_CHARACTERS_MAX // 2
    return f"{message[:half]} [{surplus} characters] {message[-half:]}"


def _leaves(errors: Iterable[ValidationError]) -> Iterator[ValidationError]:
    """The errors; for "X or null", the reasons why the value is not an X."""
    for error in errors:
        branches = error.schema.get("anyOf", ()) if isinstance(error.schema, dict) else ()
        if error.validator == "anyOf" and {"type": "null"} in branches:
            null = branches.index({"type": "null"})
            context = error.context or ()
            yield from _leaves(each for each in context if each.schema_path[0] != null)
        else:
            yield error


def _escape(path: str) -> str:
    """A path as one part of a JSON pointer that is part of a URI (RFC 6901)."""
    return path.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")


def _unique_items(
    validator: Validator, desired: bool, instance: object, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    """The keyword `uniqueItems`, in linear time.

    The library compares each pair of objects, which takes minutes for the longest request.
    """
    if desired and isinstance(instance, list):
        texts = {json.dumps(item, sort_keys=True) for item in instance}
        if len(texts) < len(instance):
            yield ValidationError(f"{instance!r} has non-unique elements")


def _variable_bytes(
    validator: Validator, most: int, instance: object, schema: Schema
) -> Iterator[ValidationError]:
    """The keyword that limits each variable of an environment; exec fails with longer ones."""
    for name, value in instance.items() if isinstance(instance, dict) else ():
        if isinstance(value, str):
            size = len(f"{name}={value}".encode("utf-8", "replace"))
            if size > most:
                message = f"{shorten(name)} is a variable of {size} bytes; {most} are possible"
                yield ValidationError(message, path=[name])


_type = Draft202012Validator.VALIDATORS["type"]


def _type_or_text(
    validator: Validator, kinds: Any, instance: object, schema: Schema
) -> Iterator[ValidationError]:
    """The keyword `type`; of a quantity that is neither a number nor a text it says the former.

    That is the text of Flocker 0.4, which knew no other way to write one.
    """
    if quantities.UNIT in schema and not isinstance(instance, str):
        kinds = [kind for kind in kinds if kind != "string"]
    yield from _type(validator, kinds, instance, schema)


def _in_unit(
    validator: Validator, unit: str, instance: object, schema: Schema
) -> Iterator[ValidationError]:
    """The keyword of quantities: what a text stands for is within the limits of the schema."""
    if not isinstance(instance, str):
        return
    try:
        value = quantities.PARSERS[unit](instance)
    except ValueError as error:
        yield ValidationError(shorten(str(error)))
        return
    limits = {key: schema[key] for key in quantities.LIMITS if key in schema}
    for violation in validator.evolve(schema=limits).iter_errors(value):
        yield ValidationError(f"{instance!r}: {violation.message} {unit}")


_formats = FormatChecker(["ipv4", "ipv6"])


@_formats.checks("mountpoint")
def _is_mountpoint(value: object) -> bool:
    # The rest of the schema refuses the root and relative paths; refusing them here would report
    # them twice.
    if not isinstance(value, str) or not value.startswith("/") or "\0" in value:
        return True
    return _ROOT.fullmatch(value) is not None or mountpoints.is_possible(value)


@_formats.checks(ports.TEXT_FORMAT, raises=ValueError)
def _is_port(value: object) -> bool:
    return not isinstance(value, str) or bool(ports.expanded(value))


@_formats.checks(ports.EXPOSED_FORMAT, raises=ValueError)
def _is_exposed(value: object) -> bool:
    return not isinstance(value, str) or bool(ports.exposed([value]))


@_formats.checks(network.EXTRA_HOST_FORMAT, raises=ValueError)
def _is_extra_host(value: object) -> bool:
    return not isinstance(value, str) or bool(network.extra_host(value))


@_formats.checks(ports.LIST_FORMAT)
def _are_ports(value: object) -> bool:
    return not isinstance(value, list) or not ports.are_too_many(value)


_Validator = extend(
    Draft202012Validator,
    {
        "type": _type_or_text,
        "uniqueItems": _unique_items,
        problems.VARIABLE_BYTES_MAX: _variable_bytes,
        quantities.UNIT: _in_unit,
    },
)


def operation_names() -> tuple[str, ...]:
    """The names of all operations."""
    return tuple(operation.name for operation in load().operations())
