"""The OpenAPI document: which operations there are, and what their request bodies must be."""

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
from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from flocker_lite.control.http import problems
from flocker_lite.control.http.problems import Found, Problem, Schema
from flocker_lite.control.http.spelling import nearest
from flocker_lite.model import mountpoints

_URI = "urn:flocker-lite:openapi"
_METHODS = ("get", "post", "delete")

_ROOT = re.compile(r"(/\.{0,2})+")
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")

DRY_RUN = "dry_run"

MISSPELT_MIN = 0.75
"""How like a parameter an unknown one has to be for a read to refuse it."""

Given: TypeAlias = Mapping[str, list[str]]
"""The texts that a query string has for each name."""

VIOLATIONS_MAX = 100
VIOLATION_CHARACTERS_MAX = 1000


@dataclass(frozen=True, slots=True)
class QueryParameter:
    """A parameter of the query string, whose text stands for a JSON value of this type."""

    name: str
    kind: str
    validator: Validator
    allowed: str = ""

    def value(self, text: str) -> Any:
        """The JSON value; the text itself when it stands for none of the type."""
        try:
            match self.kind:
                case "integer":
                    return int(text) if text.isascii() and text.isdecimal() else text
                case "number":
                    return float(text) if _NUMBER.fullmatch(text) else text
                case "boolean":
                    return {"true": True, "1": True, "false": False, "0": False}.get(text, text)
        except ValueError:
            pass
        return text


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path, named as its handler is; `validator` is None: it takes no body."""

    name: str
    method: str
    path: str
    validator: Validator | None
    parameters: tuple[QueryParameter, ...] = ()
    found: Found = lambda schema: schema

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        return self.method == "GET"

    def asks_only(self, given: Given) -> bool:
        """Whether a request with this query changes nothing, though others may."""
        texts = given.get(DRY_RUN, [])
        known = [each for each in self.parameters if each.name == DRY_RUN]
        return any(each.value(text) is True for each in known for text in texts)

    def query(self, given: Given) -> tuple[dict[str, Any], tuple[str, ...], list[Problem]]:
        """The values of its parameters; and what is wrong, as texts and in words for a person.

        Flocker 0.4 ignored whatever there was in a query. A write refuses what it does not know:
        it might be a misspelt dry run. A read refuses it when it looks like a misspelt parameter.
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
                found.append(problems.wrong(path, texts, "a single value"))
            for text in texts[:1]:
                value = values[parameter.name] = parameter.value(text)
                errors = list(parameter.validator.iter_errors(value))
                violations += [f"{parameter.name}: {shorten(error.message)}" for error in errors]
                if errors:
                    found.append(problems.wrong(path, value, parameter.allowed))
        return values, tuple(violations), found

    def _unknown(self, given: Given) -> Iterator[str]:
        known = {parameter.name for parameter in self.parameters}
        for name in given:
            if name not in known and (not self.reads or nearest(name, known, MISSPELT_MIN)):
                yield name

    def judged(self, body: Any) -> tuple[tuple[str, ...], list[Problem]]:
        """What is wrong with a request body, as texts and in words for a person."""
        assert self.validator is not None
        errors = list(islice(_leaves(self.validator.iter_errors(body)), VIOLATIONS_MAX))
        texts = tuple(shorten(error.message) for error in errors)
        return texts, problems.explain(errors, self.found)


class Document:
    """An OpenAPI 3.1 document, as JSON values in `content`."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.content = content
        self._registry: Registry[Any] = Registry().with_resource(
            _URI, DRAFT202012.create_resource(content)
        )

    def operations(self) -> Iterator[Operation]:
        """Every operation, with its path as it is on the wire."""
        prefix = self.content["servers"][0]["url"]
        for path, item in self.content["paths"].items():
            for method in _METHODS:
                if method in item:
                    yield self._operation(method, path, prefix)

    def _operation(self, method: str, path: str, prefix: str) -> Operation:
        operation = self.content["paths"][path][method]
        validator = None
        if "requestBody" in operation:
            content = f"/paths/{_escape(path)}/{method}/requestBody/content"
            validator = self.validator(f"{content}/application~1json/schema")
        return Operation(
            operation["operationId"],
            method.upper(),
            prefix + path,
            validator,
            tuple(self._query_parameters(path, method)),
            self.found,
        )

    def found(self, schema: Schema) -> Schema:
        """What a schema refers to; any other schema as it is."""
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
                yield QueryParameter(parameter["name"], kind, validator, allowed)

    def validator(self, pointer: str) -> Validator:
        """A validator of the schema at this JSON pointer in the document."""
        return _Validator(
            {"$ref": f"{_URI}#{pointer}"}, registry=self._registry, format_checker=_formats
        )


@cache
def load() -> Document:
    """The document that is part of this package; do not change its content."""
    package = resources.files(__package__)
    parts = [
        yaml.safe_load(package.joinpath(name).read_text("utf-8"))
        for name in ("openapi.yml", "components.yml")
    ]
    return Document({**parts[0], "components": parts[1]})


def shorten(message: str) -> str:
    """The message, without the middle of it when it quotes too much of a request."""
    surplus = len(message) - VIOLATION_CHARACTERS_MAX
    if surplus <= 0:
        return message
    half = VIOLATION_CHARACTERS_MAX // 2
    return f"{message[:half]} [{surplus} characters] {message[-half:]}"


def _leaves(errors: Iterable[ValidationError]) -> Iterator[ValidationError]:
    """The same, but of a value that is neither null nor what it should be, why it is not that."""
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
    validator: Validator, wanted: bool, instance: object, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    """The keyword `uniqueItems`, in a time that is proportional to the array.

    The library's own compares each object with each other: minutes for the longest request.
    """
    if wanted and isinstance(instance, list):
        texts = {json.dumps(item, sort_keys=True) for item in instance}
        if len(texts) < len(instance):
            yield ValidationError(f"{instance!r} has non-unique elements")


def _variable_bytes(
    validator: Validator, most: int, instance: object, schema: Schema
) -> Iterator[ValidationError]:
    """The keyword that limits each variable of an environment: with longer ones exec fails."""
    for name, value in instance.items() if isinstance(instance, dict) else ():
        if isinstance(value, str):
            size = len(f"{name}={value}".encode("utf-8", "replace"))
            if size > most:
                message = f"{shorten(name)} is a variable of {size} bytes; {most} are possible"
                yield ValidationError(message, path=[name])


_formats = FormatChecker(["ipv4", "ipv6"])


@_formats.checks("mountpoint")
def _is_mountpoint(value: object) -> bool:
    # What is no absolute path, or the root, is refused by the rest of the schema, and but once.
    if not isinstance(value, str) or not value.startswith("/") or "\0" in value:
        return True
    return _ROOT.fullmatch(value) is not None or mountpoints.is_possible(value)


_Validator = extend(
    Draft202012Validator,
    {"uniqueItems": _unique_items, problems.VARIABLE_BYTES_MAX: _variable_bytes},
)
