"""Texts that several fields of a container are made of."""

from __future__ import annotations

from flocker_lite.model.fields import Schema

WORD: Schema = {
    "type": "string",
    "x-words": "a text of at most 4096 characters without a NUL",
    "maxLength": 4096,
    "pattern": r"^[^\u0000]*$",
}
IP_ADDRESS: Schema = {
    "type": "string",
    "x-words": "an IPv4 or IPv6 address",
    "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}],
}

_LABEL = "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
HOST_NAME_PATTERN = rf"{_LABEL}(\.{_LABEL})*"
HOST_NAME_CHARACTERS_MAX = 253
HOST_NAME: Schema = {
    "type": "string",
    "x-words": "a name such as db or db.example.org",
    "maxLength": HOST_NAME_CHARACTERS_MAX,
    "pattern": rf"^{HOST_NAME_PATTERN}$(?!\n)",
}
"""A name by which a container finds another host; Docker also takes underscores and numbers."""
