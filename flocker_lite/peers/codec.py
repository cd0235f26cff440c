"""Turns peer requests into AMP commands, which it derives from the table in `interfaces`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from twisted.protocols import amp

from flocker_lite.errors import Busy, Conflict, FlockerError, LeaseError, PeerRefused
from flocker_lite.interfaces.peer_requests import REQUESTS
from flocker_lite.interfaces.request import PeerRequest
from flocker_lite.interfaces.wire import (
    BoxForm,
    Field,
    Form,
    ListForm,
    decode_fields,
    encode_fields,
    fields_of,
)

ERRORS: dict[type[Exception], bytes] = {
    PeerRefused: b"REFUSED",
    Conflict: b"CONFLICT",
    Busy: b"BUSY",
    LeaseError: b"LEASE",
    FlockerError: b"FAILED",
}

_ARGUMENTS: dict[Form, type[amp.Argument]] = {
    Form.TEXT: amp.Unicode,
    Form.WHOLE: amp.Integer,
    Form.FLAG: amp.Boolean,
}

A = TypeVar("A")


def as_declared(error: FlockerError) -> FlockerError:
    """The error as a type that AMP knows; a more special error keeps only its text."""
    if type(error) in ERRORS:
        return error
    return FlockerError(str(error))


_COMMANDS: dict[type[PeerRequest[Any]], type[amp.Command]] = {}


def command_of(kind: type[PeerRequest[Any]]) -> type[amp.Command]:
    """The AMP command that carries a kind of request; it has the name of the request's class."""
    if kind not in _COMMANDS:
        _COMMANDS[kind] = _command(kind)
    return _COMMANDS[kind]


def _command(kind: type[PeerRequest[Any]]) -> type[amp.Command]:
    make: Any = type(amp.Command)
    made: type[amp.Command] = make(
        kind.__name__,
        (amp.Command,),
        {
            "arguments": _arguments(fields_of(kind)),
            "response": _arguments(kind.answer.fields),
            "errors": ERRORS,
        },
    )
    return made


def encoded(request: PeerRequest[Any]) -> dict[str, Any]:
    """The arguments of the request's command."""
    return encode_fields(fields_of(type(request)), request)


def decoded(kind: type[PeerRequest[A]], arguments: Mapping[str, Any]) -> PeerRequest[A]:
    """The request whose command came with these arguments; PeerRefused when they are invalid."""
    return kind(**decode_fields(fields_of(kind), arguments))


def _arguments(fields: Mapping[str, Field]) -> list[tuple[bytes, amp.Argument]]:
    return [(name.encode(), _argument(field)) for name, field in fields.items()]


def _argument(field: Field) -> amp.Argument:
    match field.wire.form:
        case BoxForm(fields):
            return amp.AmpList(_arguments(fields), optional=field.is_optional)
        case ListForm(item):
            return amp.ListOf(_ARGUMENTS[item](), optional=field.is_optional)
        case form:
            return _ARGUMENTS[form](optional=field.is_optional)


KINDS: Mapping[bytes, type[PeerRequest[Any]]] = {
    command_of(kind).commandName: kind for kind in REQUESTS
}
"""All kinds of requests, by their names in AMP."""
