"""Renders the OpenAPI document as one HTML page without external resources; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape
from importlib import resources
from typing import Any

import yaml

_METHODS = ("get", "post", "delete")


def page(document: Mapping[str, Any]) -> str:
    """The whole page."""
    template = resources.files(__package__).joinpath("docs.html").read_text("utf-8")
    parts = {
        "title": escape(f"{document['info']['title']} {document['info']['version']}"),
        "introduction": _prose(document["info"]["description"]),
        "contents": "".join(_contents(document)),
        "operations": "".join(_operations(document)),
        "schemas": "".join(_schemas(document)),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template)


def _contents(document: Mapping[str, Any]) -> Iterator[str]:
    for path, method, operation in _each(document):
        yield (
            f'<li><a href="#{operation["operationId"]}"><b>{method.upper()}</b> '
            f"{escape(_prefixed(document, path))}</a></li>\n"
        )


def _operations(document: Mapping[str, Any]) -> Iterator[str]:
    for path, method, operation in _each(document):
        yield f'<section id="{operation["operationId"]}">\n'
        yield f"<h3><b>{method.upper()}</b> {escape(_prefixed(document, path))}</h3>\n"
        yield f"<p>{_inline(operation['summary'])}</p>\n{_prose(operation.get('description', ''))}"
        parameters = [
            *document["paths"][path].get("parameters", []),
            *operation.get("parameters", []),
        ]
        if parameters:
            yield "<table><tr><th>parameter</th><th>in</th><th>type</th><th></th></tr>\n"
            yield from (_parameter(_found(document, parameter)) for parameter in parameters)
            yield "</table>\n"
        if "requestBody" in operation:
            for media_type, content in operation["requestBody"]["content"].items():
                yield f"<p>Body: {escape(media_type)}, {_kind(content['schema'])}</p>\n"
        yield "<table><tr><th>status</th><th>body</th><th></th></tr>\n"
        for status, response in sorted(operation["responses"].items()):
            yield _response(status, _found(document, response))
        yield "</table>\n</section>\n"


def _parameter(parameter: Mapping[str, Any]) -> str:
    return _row(
        f"<code>{escape(parameter['name'])}</code>",
        parameter["in"],
        _kind(parameter["schema"]),
        _inline(parameter.get("description", "")),
    )


def _response(status: str, response: Mapping[str, Any]) -> str:
    bodies = "<br>".join(
        f"{escape(media_type)}: {_kind(content['schema'])}"
        for media_type, content in response.get("content", {}).items()
    )
    headers = ", ".join(f"<code>{escape(name)}</code>" for name in response.get("headers", {}))
    more = f" Headers: {headers}." if headers else ""
    return _row(
        "otherwise" if status == "default" else status,
        bodies,
        _inline(response["description"]) + more,
    )


def _schemas(document: Mapping[str, Any]) -> Iterator[str]:
    for name, schema in document["components"]["schemas"].items():
        plain = {key: value for key, value in schema.items() if key != "description"}
        text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100)
        # Escaping changes only the quotation marks around references.
        linked = re.sub(
            r"\$ref: &#x27;#/components/schemas/(\w+)&#x27;",
            r'<a href="#schema-\1">\1</a>',
            escape(text),
        )
        yield f'<section id="schema-{name}"><h3>{name}</h3>\n'
        yield f"{_prose(schema.get('description', ''))}<pre>{linked}</pre></section>\n"


def _each(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


def _prefixed(document: Mapping[str, Any], path: str) -> str:
    prefix: str = document["servers"][0]["url"]
    return prefix + path


def _found(document: Mapping[str, Any], item: Mapping[str, Any]) -> Mapping[str, Any]:
    """The target of a reference; any other item as it is."""
    if "$ref" not in item:
        return item
    _, _, kind, name = item["$ref"].split("/")
    found: Mapping[str, Any] = document["components"][kind][name]
    return found


def _kind(schema: Mapping[str, Any]) -> str:
    """A schema in a word or two."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#schema-{name}">{name}</a>'
    if schema.get("type") == "array":
        return f"array of {_kind(schema['items'])}"
    for word in ("oneOf", "anyOf"):
        if word in schema:
            return " or ".join(_kind(each) for each in schema[word])
    limits = [
        f"{said} {schema[key]}"
        for key, said in (("minimum", "at least"), ("maximum", "at most"))
        if key in schema
    ]
    return escape(", ".join([str(schema.get("type", "anything")), *limits]))


def _prose(text: str) -> str:
    paragraphs = [part for part in text.split("\n\n") if part.strip()]
    return "".join(f"<p>{_inline(part)}</p>\n" for part in paragraphs)


def _inline(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text.strip()))


def _row(*cells: str) -> str:
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>\n"
