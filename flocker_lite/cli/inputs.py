"""Reads what people give a command besides its arguments: files, standard input, answers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

import click

from flocker_lite.client.errors import BadRequest


def file_bytes(path: Path, bytes_max: int) -> bytes:
    """What is in a file; BadRequest if it cannot be read or has more than that."""
    try:
        with path.open("rb") as file:
            return _limited(file, str(path), bytes_max)
    except OSError as error:
        raise BadRequest(f"cannot read {path}: {error.strerror}") from None


def standard_input(bytes_max: int) -> bytes:
    """Everything that comes from standard input; BadRequest if there is more than that."""
    return _limited(sys.stdin.buffer, "standard input", bytes_max)


def hidden_answer(what: str, is_new: bool = False) -> str:
    """What a person types without seeing it; something new, twice."""
    # Standard output is for what the command answers.
    answer: str = click.prompt(what, hide_input=True, confirmation_prompt=is_new, err=True)
    return answer


def _limited(file: BinaryIO, name: str, bytes_max: int) -> bytes:
    data = file.read(bytes_max + 1)
    if len(data) > bytes_max:
        raise BadRequest(f"{name} has more than {bytes_max} bytes, the most that is possible here")
    return data
