"""The pages of docs/reference that are made of the code: `python -m tests.docs.reference`."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import click
from prometheus_client.core import Metric

from flocker_lite.agent_file import KEYS, Key
from flocker_lite.cli.main import flockerctl
from flocker_lite.config import AgentOptions
from flocker_lite.control.http import openapi
from flocker_lite.model import lease
from tests.applications import tables
from tests.model.field_table import list_table
from tests.monitoring import families

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"
METHODS = ("get", "post", "delete")
WIDTH = 100
MADE = '.. Made by "python -m tests.docs.reference" from the code; not to be edited.\n\n'

COMMANDS_TEXT = """\
Each command with all of its options, as ``flockerctl COMMAND --help`` prints them. `flockerctl.rst
<../flockerctl.rst>`_ says how they belong together.
"""
REST_TEXT = """\
Each operation, with its parameters and what it takes and answers. The control service has the same
for programs at ``/v1/openapi.json``, and as a page with all schemas at ``/v1/docs``. `api.rst
<../api.rst>`_ explains what goes beyond single operations.

Every operation may also answer 413 (the body is over 1 MiB), 500 (an internal error; the body is
the id under which it was logged), 503 (the configuration could not be made durable, or too many
requests wait for changes) and 507 (the disk is full), with an ``Error``.
"""
AGENT_FILE_TEXT = """\
The keys of ``/etc/flocker-lite/agent.yml``, which begins with ``version: 1``. ``SECTION: KEY`` is a
key within a section. An unknown key is an error that lists the known ones. `agent.rst
<../agent.rst>`_ says what goes before the file.
"""
METRICS_TEXT = """\
What both services tell Prometheus at ``/metrics``. `monitoring.rst <../monitoring.rst>`_ says how
to read it, how many series there are at most, and what to do about each alert.

A histogram has ``_bucket``, ``_sum`` and ``_count`` behind its name. A counter and a state are
there before they first happen, so that a rate sees the first time too. Times are in seconds since
1970: ``time() - x`` is an age.
"""
COMPOSE_TEXT = """\
Each key of a Compose file, and what becomes of it. A file with a key that is refused is refused as
a whole, with the line and this advice. Keys that begin with ``x-`` say nothing here, but for
``x-flocker``. `applications.rst <../applications.rst>`_ says what a file becomes.
"""
LEASE_TEXT = """\
What a node wrote on its copy of a dataset, ``flocker:lease``, and the only ways in which it
changes.
`one-writer.rst <../explanation/one-writer.rst>`_ says what that is for.

.. image:: ../pictures/lease.svg
   :alt: The roles of a copy, and the steps between them
"""


def heading(text: str, line: str) -> str:
    """A title, underlined; with a line above as well if it is that of the page."""
    rule = line * len(text)
    return f"{rule}\n{text}\n{rule}\n\n" if line == "#" else f"{text}\n{rule}\n\n"


def block(text: str) -> str:
    """A literal block."""
    lines = (f"    {line}".rstrip() for line in text.strip("\n").splitlines())
    return "::\n\n" + "\n".join(lines) + "\n\n"


def commands(group: click.Group, words: str) -> Iterator[tuple[str, click.Command]]:
    """Each command below a group, with what one types."""
    for name, command in sorted(group.commands.items()):
        yield f"{words} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{words} {name}")


def command_page() -> str:
    """All commands of flockerctl."""
    text = MADE + heading("The commands of flockerctl", "#") + COMMANDS_TEXT + "\n"
    for words, command in commands(flockerctl, "flockerctl"):
        # click keeps the help option of a command as whoever asked first called it.
        context = click.Context(
            command,
            info_name=words,
            terminal_width=WIDTH,
            max_content_width=WIDTH,
            help_option_names=flockerctl.context_settings["help_option_names"],
        )
        text += heading(words, "=") + block(command.get_help(context))
    return text.rstrip() + "\n"


def literal(text: object) -> str:
    return f"``{text}``"


def sentence(text: str) -> str:
    """Prose of the OpenAPI document, which writes code as Markdown does, on one line."""
    return re.sub(r"`+([^`]+)`+", r"``\1``", " ".join(text.split()))


def _resolved(document: Mapping[str, Any], item: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in item:
        found: Any = document
        for part in item["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        item = found
    return item


def _named(item: Mapping[str, Any]) -> str:
    """The name of a schema, or the kind of values that it allows."""
    if "$ref" in item:
        return literal(str(item["$ref"]).rpartition("/")[2])
    if item.get("type") == "array":
        return f"a list of {_named(item.get('items', {}))}"
    for word in ("oneOf", "anyOf"):
        if word in item:
            return " or ".join(dict.fromkeys(_named(each) for each in item[word]))
    kinds = item.get("type", "any value")
    return " or ".join(kinds) if isinstance(kinds, list) else str(kinds)


def _contents(item: Mapping[str, Any]) -> str:
    schemas = [each.get("schema", {}) for each in item.get("content", {}).values()]
    return ", ".join(dict.fromkeys(_named(schema) for schema in schemas))


def _operation(document: Mapping[str, Any], shared: list[Any], operation: Any) -> Iterator[str]:
    for name in ("summary", "description"):
        if name in operation:
            # A description may have paragraphs and lists; they keep their lines.
            yield sentence(operation[name]) + "\n\n"
    parameters = [_resolved(document, each) for each in [*shared, *operation.get("parameters", [])]]
    for each in parameters:
        where = {"path": "in the path", "header": "a header"}.get(each["in"], "in the query")
        told = sentence(each.get("description", ""))
        yield f"* {literal(each['name'])} ({where}): {told or _named(each.get('schema', {}))}\n"
    if "requestBody" in operation:
        body = _resolved(document, operation["requestBody"])
        yield f"* It takes {_contents(body)}.\n"
    for code, given in sorted(operation.get("responses", {}).items()):
        if code == "default":
            continue
        answer = _resolved(document, given)
        told, content = sentence(answer.get("description", "")).rstrip("."), _contents(answer)
        yield f"* {code}: {told}{f' ({content})' if content else ''}.\n"
    yield "\n"


def rest_page() -> str:
    """All operations of the REST API, and the fields of what they take and answer."""
    document = openapi.load().content
    text = MADE + heading("The operations of the REST API", "#") + REST_TEXT + "\n"
    prefix = document["servers"][0]["url"]
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                text += heading(f"{method.upper()} {prefix}{path}", "=")
                text += "".join(_operation(document, item.get("parameters", []), item[method]))
    text += heading("Schemas", "=")
    for name, schema in sorted(document["components"]["schemas"].items()):
        text += heading(name, "-") + "".join(_schema(schema))
    return text.rstrip() + "\n"


def _schema(schema: Mapping[str, Any]) -> Iterator[str]:
    if "description" in schema:
        yield sentence(schema["description"]) + "\n\n"
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        words = [_named(field), "required"] if name in required else [_named(field)]
        told = sentence(field.get("description", ""))
        yield f"* {literal(name)} ({', '.join(words)}){f': {told}' if told else ''}\n"
    if not schema.get("properties"):
        yield f"{_named(schema).capitalize()}." if "description" not in schema else ""
        yield "\n"
    yield "\n"


def lease_page() -> str:
    """The table of the lease, of the docstring that the code is held against."""
    text = MADE + heading("The lease table", "#") + LEASE_TEXT + "\n"
    _, _, told = inspect.getdoc(lease).partition("\n\n")  # type: ignore[union-attr]
    text += re.sub(r"`([^`]+)`", r"``\1``", told).replace(
        ":\n\n    (no copy)", "::\n\n    (no copy)"
    )
    text = re.sub(r":\n\n    (replica|releasing)", r"::\n\n    \1", text)
    text += "\n\n" + heading("Each step", "=")
    for name, function in inspect.getmembers(lease, inspect.isfunction):
        if function.__module__ == lease.__name__ and _is_step(name, function):
            text += f"{literal(name)}\n    {sentence(inspect.getdoc(function) or '')}\n"
    return text


def _is_step(name: str, function: Any) -> bool:
    return (
        not name.startswith("_")
        and function.__annotations__.get("return") == "Lease"
        and (name != "parse")
    )


def agent_file_page() -> str:
    """All keys of agent.yml, with their defaults."""
    defaults = {field.name: field.default for field in fields(AgentOptions)}
    lines = [
        (literal(key.name), _default(key, defaults[key.field]), _linked(key.meaning))
        for key in KEYS
    ]
    text = MADE + heading("The keys of agent.yml", "#") + AGENT_FILE_TEXT + "\n"
    return text + list_table([("key", "default", "meaning"), *lines])


def _default(key: Key, default: object) -> str:
    if default is MISSING:
        return "required"
    if key.default or default is None:
        return _linked(key.default or "none")
    shown = f"{default:g}" if isinstance(default, float) else str(default)
    return literal(shown.lower() if isinstance(default, bool) else shown)


def _linked(text: str) -> str:
    """Pages become links, and what else is in backticks is as it is typed."""
    text = re.sub(r"`([\w-]+\.rst)`(?!_)", r"<\1>", text)
    return re.sub(r"<([\w-]+\.rst)>", r"`\1 <../\1>`_", re.sub(r"`([^`]+)`", r"``\1``", text))


def metrics_page() -> str:
    """All families of metrics, by the service that has them."""
    text = MADE + heading("The metrics", "#") + METRICS_TEXT + "\n"
    for title, found in (
        ("Of both services", families.of_both()),
        ("Of the control service", families.of_control()),
        ("Of an agent", families.of_agent()),
    ):
        text += heading(title, "=") + _families(found) + "\n"
    return text


def _families(found: Iterable[Metric]) -> str:
    lines = [("metric", "type", "meaning")]
    for family in found:
        labels = ",".join(families.labels(family))
        name = families.written_name(family) + (f"{{{labels}}}" if labels else "")
        lines.append((literal(name), family.type, family.documentation))
    return list_table(lines)


def compose_page() -> str:
    """All keys of a Compose file, supported or refused with the advice that is given then."""
    text = MADE + heading("The keys of a Compose file", "#") + COMPOSE_TEXT + "\n"
    text += heading("Of a service", "=") + list_table(tables.service_keys()) + "\n"
    return text + heading("Elsewhere", "=") + list_table(tables.other_keys())


PAGES = {
    "flockerctl.rst": command_page,
    "rest.rst": rest_page,
    "lease.rst": lease_page,
    "agent-yml.rst": agent_file_page,
    "metrics.rst": metrics_page,
    "compose.rst": compose_page,
}


def wrapped(text: str) -> str:
    """Prose and items that fit; what is indented and headings stay."""
    pieces = re.split(r"\n{2,}", text.strip("\n"))
    return "\n\n".join(_filled(piece) for piece in pieces) + "\n"


def _filled(piece: str) -> str:
    lines = piece.split("\n")
    if piece.startswith(("..", "   * - ")) or any(
        re.fullmatch(r"([=#-])\1+", line) for line in lines
    ):
        return piece
    if not any(line.startswith((" ", "* ")) for line in lines):
        return _fill(" ".join(lines), "")
    if piece.startswith("    ") and "``" not in piece:
        return piece
    indents = ("  " if line.startswith("* ") else "    " for line in lines)
    return "\n".join(map(_fill, lines, indents))


def _fill(line: str, indent: str) -> str:
    width = WIDTH - 1
    return textwrap.fill(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def write() -> None:
    """All of them, as they are to be now."""
    FOLDER.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / name).write_text(wrapped(page()), "utf-8")


if __name__ == "__main__":
    write()
