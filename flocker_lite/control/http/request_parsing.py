"""Parses a request: the query, the conditions and the body; or says what is wrong with them."""

from __future__ import annotations

import json
import re
from json import JSONDecodeError
from typing import Any
from urllib.parse import parse_qs

from twisted.web.iweb import IRequest

from flocker_lite.control.http import problems
from flocker_lite.control.http.channel import BODY_BYTES_MAX
from flocker_lite.control.http.openapi import Given, Operation
from flocker_lite.control.http.problems import Problem
from flocker_lite.control.http.request_response import JSON, HTTPError

IF_TAG_HEADER = "X-If-Configuration-Matches"
_CONDITIONS = re.compile("x-if-.*|if-(none-)?match|if-(un)?modified-since", re.IGNORECASE)
_WRONG_TYPE = "The request Content-Type was not a supported type (application/json)."
_NOT_JSON = (
    "The request body could not be decoded according to the value of the\nContent-Type header."
)
_NOT_VALID = "The provided JSON doesn't match the required schema."
_BAD_QUERY = "The query string has parameters with values that they cannot have."
_BAD_CONDITION = "The request has a conditional header that this service does not know."

_OTHER_SITE = "A page of another site had your browser send this."
_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|-?Infinity|NaN', re.DOTALL)


def raw_query(request: IRequest) -> Given:
    """The query string alone; Twisted's `args` also have the fields of a form in the body."""
    _, _, text = request.uri.partition(b"?")
    return parse_qs(text.decode("utf-8", "replace"), keep_blank_values=True, errors="replace")


def query_values(operation: Operation, given: Given) -> dict[str, Any]:
    """The parameters of the query string as JSON values."""
    found, violations, wrong = operation.query(given)
    if violations:
        raise HTTPError(400, _BAD_QUERY, violations, problems=wrong)
    return found


def require_known_conditions(request: IRequest) -> None:
    """Refuse unknown conditional headers: without this, the write would ignore its condition."""
    for name in request.requestHeaders.getAllRawHeaders():
        text = name[0].decode("ascii", "replace")
        if _CONDITIONS.fullmatch(text) and text.lower() != IF_TAG_HEADER.lower():
            wrong = problems.unknown(text, text, [IF_TAG_HEADER], "conditional header")
            raise HTTPError(400, _BAD_CONDITION, problems=[wrong])


def require_same_origin(request: IRequest) -> None:
    """Refuse what a page of another site has a browser send, with the user's certificate."""
    headers = request.requestHeaders
    [host] = headers.getRawHeaders("Host", [""])[-1:]
    for origin in headers.getRawHeaders("Origin", []):
        if origin.partition("://")[2].lower() != host.lower():
            raise HTTPError(403, _OTHER_SITE)


def json_body(operation: Operation, request: IRequest) -> Any:
    """The body as a JSON value that matches the schema of the operation."""
    _require_json(request.requestHeaders.getRawHeaders("Content-Type", []))
    text = request.content.read(BODY_BYTES_MAX + 1)
    if len(text) > BODY_BYTES_MAX:
        raise HTTPError(413, f"The request body is longer than {BODY_BYTES_MAX} bytes.")
    found = _decoded(text)
    violations, wrong = operation.judged(found)
    if violations:
        raise HTTPError(400, _NOT_VALID, violations, problems=wrong)
    return found


def _require_json(values: list[str]) -> None:
    """Require exactly one Content-Type, which is JSON in UTF-8."""
    kind, *parameters = [part.strip().lower() for part in ";".join(values).split(";")]
    allowed = ("", "charset=utf-8", 'charset="utf-8"')
    if len(values) != 1 or kind != JSON or any(part not in allowed for part in parameters):
        given = ", ".join(map(problems.shortened, values)) or "nothing"
        message = f"Content-Type: {given} is not {JSON}: send the header Content-Type: {JSON}"
        wrong = {"path": "Content-Type", "given": given, "allowed": JSON, "message": message}
        raise HTTPError(400, _WRONG_TYPE, problems=[wrong])


def _decoded(text: bytes) -> Any:
    try:
        found = json.loads(text.decode("utf-8"), parse_constant=_refuse_constant)
        # "\ud800" is half of a surrogate pair, which cannot be encoded later on.
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise HTTPError(400, _NOT_JSON, problems=[_broken(text, error)]) from None
    return found


def _refuse_constant(name: str) -> float:
    raise ValueError(name)


def _broken(text: bytes, error: Exception) -> Problem:
    """Where the text is not JSON, and why; lines and columns count from 1."""
    if not text.strip():
        return {"message": "the body is empty: it should be JSON, such as {}"}
    match error:
        case JSONDecodeError():
            return _at(error.lineno, error.colno, error.msg)
        case UnicodeDecodeError():
            return _at_end_of(text[: error.start], "this is not UTF-8")
        case UnicodeEncodeError():
            return {"message": "a text has half of a surrogate pair, an escape such as \\ud800"}
        case RecursionError():
            return {"message": "lists and objects are nested too deeply"}
    for token in _TOKEN.finditer(text.decode("utf-8")):
        if token[0] == str(error):
            before = text.decode("utf-8")[: token.start()].encode()
            return _at_end_of(before, f"{token[0]} is not a JSON number")
    return {"message": "a number is too large"}


def _at_end_of(before: bytes, message: str) -> Problem:
    lines = before.decode("utf-8").split("\n")
    return _at(len(lines), len(lines[-1]) + 1, message)


def _at(line: int, column: int, message: str) -> Problem:
    said = f"line {line}, column {column}: {message}"
    return {"line": line, "column": column, "message": said}
