"""Each command, request and JSON of the pages is one that the programs know, without running it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from flocker_lite.config import agent_options
from flocker_lite.control.http import openapi
from tests.docs.blocks import PAGES, ROOT, Block, blocks, commands
from tests.docs.command_lines import problem, read

HOSTS = {"node": "10.0.0.11", "control_host": "10.0.0.10"}
KEY = re.compile(r"[a-z][a-z-]*")
OTHER_FILES = {"services", "volumes", "groups", "scrape_configs", "x-flocker", "format", "labels"}
"""What YAML begins with that is not of agent.yml."""


def named(page: Path) -> str:
    """A page's path, for the test's name."""
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands(page: Path) -> None:
    """Their names, options and arguments are known; requests are as the OpenAPI document says."""
    wrong = [
        f"{' '.join(words)}: {said}"
        for block in blocks(page)
        for words in commands(block)
        if (said := problem(words, block.inline)) is not None
    ]
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_json(page: Path) -> None:
    """A schema of the OpenAPI document has all of its keys, with such values."""
    wrong = [str(block) for block in blocks(page) for value in values(block) if not is_known(value)]
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_agent_files(page: Path) -> None:
    """What is for agent.yml has keys and values that the agent takes."""
    for block in blocks(page):
        if not block.inline and is_agent_file(block.text):
            text = re.sub(r"^version: 1\n", "", block.text)
            agent_options(f"version: 1\n{text}", {}, HOSTS)


def values(block: Block) -> list[Any]:
    """The JSON in a block: one value, one in each line, or properties without their braces."""
    text = block.text.strip()
    if not re.match(r'\{\s*"' if block.inline else r'[{"]|\[.*"', text):
        return []
    if text[0] == '"':
        lines = [f"{{{line.rstrip(',')}}}" for line in text.splitlines()]
        text = f"{{{text}}}"
    else:
        lines = text.splitlines()
    try:
        return [read(text)]
    except json.JSONDecodeError:
        # Alternatives, one in each line.
        return [read(line) for line in lines]


def is_known(value: Any) -> bool:
    """Whether a part of what the REST API takes or gives looks like this."""
    if isinstance(value, list):
        return all(map(is_known, value))
    components = openapi.load().content["components"]
    for names in properties(components["schemas"]):
        if isinstance(value, dict) and value and value.keys() <= names.keys():
            part = {"properties": {name: names[name] for name in value}, "components": components}
            if Draft202012Validator(part).is_valid(value):
                return True
    return False


def properties(schema: Any) -> Iterator[dict[str, Any]]:
    """Those of each object in a schema."""
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            yield schema["properties"]
        for inner in schema.values():
            yield from properties(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from properties(inner)


def is_agent_file(text: str) -> bool:
    """Whether it can be meant for agent.yml."""
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:
        return False
    return (
        isinstance(found, dict)
        and not text.lstrip().startswith(("{", '"'))
        and all(isinstance(key, str) and KEY.fullmatch(key) for key in found)
        and not OTHER_FILES & found.keys()
    )


def test_what_is_wrong_is_found() -> None:
    """A misspelt command, option, path, parameter or key, and an argument that is missing."""
    for line, said in (
        ("flockerctl mov redis --to n2", "No such command"),
        ("flockerctl move redis --too n2", "No such option"),
        ("flockerctl move", "Missing"),
        ("flocker-ca creat-user bob", "invalid choice"),
        ("flocker-agent --noode 10.0.0.11", "--noode"),
        ("admin/lab upp", "has no upp"),
        ("admin/none", "admin/none"),
        ("./master.sh --package x", "has no --package"),
        ("curl http://x:4523/v1/state/node", "there is no GET"),
        ("curl http://x:4523/v1/state/audit?userr=x", "userr"),
        ("curl -d '{}' http://x:4523/v1/configuration/datasets", "Content-Type"),
        (
            "curl -H 'Content-Type: application/json' -d '{\"primari\": \"10.0.0.1\"}' "
            "http://x:4523/v1/configuration/datasets",
            "primari",
        ),
    ):
        (words,) = commands(Block(ROOT / "README.rst", line))
        assert said in (problem(words, False) or ""), line
    assert not is_known({"primari": "10.0.0.1"})
    assert is_agent_file("allow: [adopt]")
