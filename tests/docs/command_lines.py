"""What is wrong with a command line of the pages, found without running it."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import click
from twisted.python import usage

from flocker_lite import __main__ as configuration
from flocker_lite.ca import command as authority
from flocker_lite.cli.main import flockerctl
from flocker_lite.control.http import openapi
from flocker_lite.control.http.openapi import Operation
from flocker_lite.taps import agent, control, migration
from tests.docs.blocks import ROOT

A_UUID = "c01dc0de-0000-4000-8000-000000000001"
CURL_WITH_VALUE = {"-H", "-X", "-d", "--cacert", "--cert", "--key", "-o"}
UNFINISHED = {"...", "…", "COMMAND"}
OPTION = re.compile(r"--?[a-z][\w-]*")
OF_THE_SERVICE = ("/", "/metrics", "/docs/", "/v1/leader")
"""Paths that are not in the OpenAPI document."""

Check = Callable[[list[str], bool], str | None]
"""Given the words after the command's name, and whether it is a part of a sentence and may be
cut short, says what is wrong."""


def problem(words: list[str], inline: bool) -> str | None:
    """What is wrong with a command, or None; one that is not ours is right."""
    name, rest = words[0].removeprefix("$").rpartition("/")[2], words[1:]
    if words[0].startswith("admin/"):
        return _script(f"{ROOT}/{words[0]}", rest)
    if words[0] in ("./master.sh", "./node.sh", "./stage1.sh"):
        return _script(f"{ROOT}/admin/install/{name}", rest)
    if name.startswith("python") and rest[:2] == ["-m", "flocker_lite"]:
        return _argparse(configuration.parser(), rest[2:], inline)
    if name == "flocker-control" and rest[:1] == ["migrate"]:
        return _argparse(migration.parser(), rest[1:], inline)
    check = CHECKS.get(name)
    return (
        None if check is None else check([each for each in rest if each not in UNFINISHED], inline)
    )


def _flockerctl(words: list[str], inline: bool) -> str | None:
    try:
        _click(flockerctl, words, inline)
    except click.UsageError as error:
        return error.format_message()
    return None


def _click(
    command: click.Command, words: list[str], inline: bool, parent: click.Context | None = None
) -> None:
    """Parse as click does, and open no files, run nothing."""
    context = click.Context(command, parent, command.name, **command.context_settings)
    if {"--help", "-h"} & set(words):
        words = [each for each in words if each not in ("--help", "-h")]
        inline = True
    values, rest, _ = command.make_parser(context).parse_args(list(words))
    for parameter in command.get_params(context):
        value = values.get(parameter.name or "")
        if parameter.value_is_missing(value):
            if parameter.required and not inline and not isinstance(command, click.Group):
                raise click.MissingParameter(ctx=context, param=parameter)
        elif not isinstance(parameter.type, click.File | click.Path) and not inline:
            parameter.type_cast_value(context, value)
    if isinstance(command, click.Group):
        if rest:
            _, found, after = command.resolve_command(context, rest)
            assert found is not None
            _click(found, after, inline, context)
        elif not inline:
            raise click.UsageError("no command")
    elif rest:
        raise click.UsageError(f"too much: {' '.join(rest)}")


def _argparse(parser: argparse.ArgumentParser, words: list[str], inline: bool) -> str | None:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            parser.parse_args(words)
    except SystemExit as ended:
        is_short = inline and ("required" in said.getvalue() or "expected" in said.getvalue())
        return None if not ended.code or is_short else said.getvalue()
    return None


def _twistd(options: type[usage.Options]) -> Check:
    def check(words: list[str], inline: bool) -> str | None:
        if words and not words[0].startswith("-"):
            return None if inline else f"no option: {words[0]}"
        try:
            options().parseOptions([each for each in words if each != "--help"])
        except usage.UsageError as error:
            return None if inline and "requires argument" in str(error) else str(error)
        return None

    return check


def _script(path: str, words: list[str]) -> str | None:
    """A script of ours is there, and says each of the options and the kind itself."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except IsADirectoryError:
        return None if not words else f"{path} is a directory"
    except OSError as error:
        return str(error)
    for module in re.findall(r"-m (admin\.\w+|tests\.\w+(?:\.\w+)*)", text):
        main = ROOT.joinpath(*module.split("."), "__main__.py")
        text += main.read_text("utf-8") if main.exists() else ""
    known = {"--help", "-h", "-k"}
    for word in words:
        if word == "--":
            break
        is_option = OPTION.fullmatch(word) and word not in known
        if is_option and not re.search(rf"{word}(?![\w-])", text):
            return f"{path} has no {word}"
    if words and re.fullmatch(r"[a-z]+", words[0]) and not re.search(rf"\b{words[0]}\b", text):
        return f"{path} has no {words[0]}"
    return None


def _curl(words: list[str], inline: bool) -> str | None:
    given: dict[str, str] = {}
    address = None
    rest = iter(words)
    for word in rest:
        if word in CURL_WITH_VALUE:
            given[word] = next(rest, "")
        elif not word.startswith("-"):
            address = word
    if address is None:
        # In a drawing it is followed by an arrow.
        return None if inline or words == ["-"] else "no address"
    method = given.get("-X", "POST" if "-d" in given else "GET")
    if method != "GET" and method != "DELETE" and "application/json" not in given.get("-H", ""):
        return "no Content-Type"
    return request_problem(method, address, given.get("-d"))


def request_problem(method: str, address: str, body: str | None) -> str | None:
    """What the REST API would refuse in a request, whatever the cluster has."""
    url = urlsplit(address)
    if url.path in OF_THE_SERVICE:
        return None
    operation = _operation(method, unquote(url.path))
    if operation is None:
        return f"there is no {method} {url.path}"
    query = parse_qs(re.sub(r"\$\w+", "1", url.query), keep_blank_values=True)
    _, errors, _ = operation.query(query)
    if errors:
        return "; ".join(errors)
    if operation.validator is not None and body is not None:
        try:
            errors, _ = operation.judged(read(body))
        except ValueError as error:
            return f"{error} in {body}"
        return "; ".join(errors) or None
    return f"{method} {url.path} takes no body" if body is not None else None


def _operation(method: str, path: str) -> Operation | None:
    for operation in openapi.load().operations():
        pattern = re.sub(r"\{\w+\}", "[^/]+", operation.path)
        if operation.method == method and re.fullmatch(pattern, path):
            return operation
    return None


def read(text: str) -> Any:
    """The value of a JSON text that leaves out what it does not speak of."""
    whole = re.sub(r"([{\[])\.\.\.([}\]])", r"\1\2", text)
    whole = re.sub(r'": (?:"\.\.\."|\.\.\.)', f'": "{A_UUID}"', whole)
    return json.loads(re.sub(r",\s*\.\.\.", "", whole))


CHECKS: Mapping[str, Check] = {
    "flockerctl": _flockerctl,
    "flocker-ca": lambda words, inline: _argparse(authority.parser(), words, inline),
    "flocker-control": _twistd(control.Options),
    "flocker-agent": _twistd(agent.Options),
    "curl": _curl,
}
