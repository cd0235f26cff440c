"""Texts that several fields of a container are made of."""

from __future__ import annotations

from flocker_lite.model.fields import Schema

WORD: Schema = {
    "type": "string",
    "x-words": "a text of at most 4096 characters without a NUL",
    "maxLength": 4096,
    "pattern": r"^[^\u0000]*$",
}
