"""What Docker's errors mean, and what else may go wrong between Docker and us."""

from __future__ import annotations

import re

import requests
import urllib3
from docker import errors as docker_errors

from flocker_lite.model.container_fields.ports import TCP, UDP, port_key

UNREACHABLE = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    docker_errors.DockerException,
    OSError,
)

WORDS_CHARACTERS_MAX = 2000

# The first is the kernel's text, the second is Docker's own.
_IN_USE = ("address already in use", "port is already allocated")
_OF_UDP = re.compile(r"\blisten udp[46]?\b|\d/udp\b")
_AT_PORT = re.compile(r"(?:\d+(?:\.\d+){3}|\[[0-9a-fA-F:]*\]):(\d+)")


def words(error: docker_errors.APIError) -> str:
    """What Docker said, or the beginning of it."""
    return str(error.explanation or error)[:WORDS_CHARACTERS_MAX]


def is_unreadable(said: str) -> bool:
    """Whether Docker said that it cannot read the log of a container, because of its driver."""
    return "does not support reading" in said


def port_in_use(said: str) -> str | None:
    """The port of the node that somebody else has, when that is what Docker said.

    Not all releases say the protocol; then it is taken for TCP.
    """
    found = _AT_PORT.search(said) if any(words in said for words in _IN_USE) else None
    if found is None:
        return None
    return port_key(int(found[1]), UDP if _OF_UDP.search(said) else TCP)
