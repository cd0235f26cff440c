"""What may go wrong between Docker and us, besides what Docker itself says."""

from __future__ import annotations

import re

import requests
import urllib3
from docker import errors as docker_errors

UNREACHABLE = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    docker_errors.DockerException,
    OSError,
)

WORDS_CHARACTERS_MAX = 2000

# The former is the kernel's answer, the latter that of Docker's own list.
_IN_USE = ("address already in use", "port is already allocated")
_AT_PORT = re.compile(r"(?:\d+(?:\.\d+){3}|\[[0-9a-fA-F:]*\]):(\d+)")


def words(error: docker_errors.APIError) -> str:
    """What Docker said, or the beginning of it."""
    return str(error.explanation or error)[:WORDS_CHARACTERS_MAX]


def port_in_use(said: str) -> int | None:
    """The port of the node that somebody else has, when that is what Docker said."""
    found = _AT_PORT.search(said) if any(words in said for words in _IN_USE) else None
    return int(found[1]) if found is not None else None
