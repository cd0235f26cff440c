"""Reads a Compose file as YAML, as Compose does, and remembers the line of each part; pure.

Compose reads YAML 1.2, in which `yes` is a text and `22:22` no number. Anchors, aliases and merges
are resolved here, so that what is sent is plain JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

Path: TypeAlias = tuple[str | int, ...]

NODES_MAX = 100_000
"""How many parts a file may have once its aliases are resolved."""

_MERGE = "<<"
_STEP = re.compile(r'\.([^.\[]+)|\[([0-9]+)\]|\["((?:[^"\\]|\\.)*)"\]')


class BadFile(ValueError):
    """The file is no Compose file; the text begins with its name and the line."""


@dataclass(slots=True)
class ComposeFile:
    """What a file says, as JSON values; and in which line each part of it begins."""

    name: str
    content: dict[str, Any] = field(default_factory=dict)
    lines: dict[Path, int] = field(default_factory=dict)

    def where(self, path: Path) -> str:
        """The file and the line of a part, or of the nearest part around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.name}:{self.lines.get(path, 1)}"


class _Loader(yaml.SafeLoader):
    """Knows the scalars of YAML 1.2, and octal numbers as Go's YAML does."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(0|[1-9][0-9]*|0o?[0-7]+|0x[0-9a-fA-F]+)", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+0123456789."),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"^({_pattern})$"), [*_first.strip("\0"), ""]
    )


def parsed(text: str, name: str) -> ComposeFile:
    """The file of this name and text; BadFile if it is none."""
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        raise BadFile(f"{name}:{line}: {error.problem or error.context}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise BadFile(f"{name}: this is no YAML: {error}") from None
    if not isinstance(node, yaml.MappingNode):
        raise BadFile(f"{name}:1: this should be a Compose file, with services")
    builder = _Builder(name)
    found = ComposeFile(name, lines=builder.lines)
    found.content = builder.value(node, (), ())
    return found


def path_of(text: str) -> Path:
    """The path that a problem of the service names, such as $.compose.services.web.ports[0]."""
    return tuple(_steps(text))


def _steps(text: str) -> Iterator[str | int]:
    for found in _STEP.finditer(text):
        if found[2] is not None:
            yield int(found[2])
        else:
            yield found[1] if found[1] is not None else found[3].replace('\\"', '"')


class _Builder:
    """Makes JSON values of nodes; an alias is built once for each place where it is."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[Path, int] = {}
        self._count = 0

    def value(self, node: yaml.Node, path: Path, within: tuple[yaml.Node, ...]) -> Any:
        """The value of a node; `within` are the nodes around it."""
        self._count += 1
        if self._count > NODES_MAX:
            raise self._bad(node, f"it has more than {NODES_MAX} parts with its aliases")
        if any(node is each for each in within):
            raise self._bad(node, "an alias leads to what is around it")
        self.lines.setdefault(path, node.start_mark.line + 1)
        within = (*within, node)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, within)
        if isinstance(node, yaml.SequenceNode):
            return [
                self.value(each, (*path, number), within) for number, each in enumerate(node.value)
            ]
        return self._scalar(node)

    def _mapping(
        self, node: yaml.MappingNode, path: Path, within: tuple[yaml.Node, ...]
    ) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node)
            if key == _MERGE and key_node.style is None:
                merged = {**self._merged(value_node, path, within), **merged}
                continue
            if key in own:
                raise self._bad(key_node, f"{key} is here twice")
            self.lines[(*path, key)] = key_node.start_mark.line + 1
            own[key] = self.value(value_node, (*path, key), within)
        return {**merged, **own}

    def _merged(
        self, node: yaml.Node, path: Path, within: tuple[yaml.Node, ...]
    ) -> Mapping[str, Any]:
        """Of several, the first one that has a key counts."""
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        found: dict[str, Any] = {}
        for each in nodes:
            if not isinstance(each, yaml.MappingNode):
                raise self._bad(each, "only an object can be merged")
            found = {**self.value(each, path, within), **found}
        return found

    def _key(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self._bad(node, "a key should be a text")
        return str(node.value)

    def _scalar(self, node: yaml.Node) -> Any:
        text: str = node.value
        match node.tag.removeprefix("tag:yaml.org,2002:"):
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int":
                return _whole(text)
            case "float":
                return float(text)
            case "str":
                return text
        raise self._bad(node, f"the tag {node.tag} is not supported: write the value itself")

    def _bad(self, node: yaml.Node, text: str) -> BadFile:
        return BadFile(f"{self.name}:{node.start_mark.line + 1}: {text}")


def _whole(text: str) -> int:
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if digits.startswith("0x"):
        return sign * int(digits, 16)
    if digits.startswith("0") and digits != "0":
        return sign * int(digits.removeprefix("0o"), 8)
    return sign * int(digits)
