"""What lets a container out of its box, and whether a node allows it; pure.

An administrator writes into the agent's file what containers may have there (`allow:`), and a node
allows nothing else. The control service refuses a container at such a node. The agent refuses too:
whoever controls the control service gets no more of a node than its administrator gave.

So this is no list of what is dangerous: of each field it knows what is harmless.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from flocker_lite.errors import Conflict, Fact
from flocker_lite.model.capabilities import ALL, CAPABILITIES, GIVEN_BY_DOCKER, canonical
from flocker_lite.model.container import Container
from flocker_lite.model.records import Node

AGENT_FILE = "/etc/flocker-lite/agent.yml"
PRIVILEGED = "privileged"
SECURITY_OPT = "security_opt"
USERNS_MODE = "userns_mode"
ADOPT = "adopt"
"""The word that lets users see, and adopt, containers of the node that we did not make."""

FIELDS = frozenset({PRIVILEGED, SECURITY_OPT, USERNS_MODE})
"""Words of `allow` that are names of fields; others are ADOPT, capabilities, and paths."""

_WORDS = FIELDS | {ADOPT}

ENTRIES_MAX = 128
ENTRY_BYTES_MAX = 256

_HARMLESS_OPTION = re.compile("no-new-privileges([:=]true)?")


@dataclass(frozen=True, slots=True)
class Need:
    """A field of a container that needs the entry `word` in the `allow` of its node.

    With `exactly` an entry for a directory above it does not do. Docker follows symbolic links at
    each start: who may write above it could make such a link after we looked.
    """

    field: str
    word: str
    exactly: bool = False


def needs(container: Container) -> tuple[Need, ...]:
    """What the container needs to be allowed, each once."""
    return tuple(dict.fromkeys(_needs(container)))


def missing(container: Container, allow: Collection[str]) -> tuple[Need, ...]:
    """What of that a node with this `allow` does not allow."""
    return tuple(
        need
        for need in needs(container)
        if not (need.word in allow if need.exactly else is_allowed(need.word, allow))
    )


def is_allowed(word: str, allow: Collection[str]) -> bool:
    """Whether these entries allow it.

    A path allows what is below it as well, and ALL allows each capability.
    """
    return (
        word in allow
        or (word in CAPABILITIES and ALL in allow)
        or any(is_below(word, entry) for entry in allow if entry.startswith("/"))
    )


def is_below(path: str, directory: str) -> bool:
    """Whether a plain path is below another one."""
    return path.startswith(directory.rstrip("/") + "/")


def overlap(one: str, other: str) -> bool:
    """Whether two plain paths are the same, or one of them is below the other."""
    return one == other or is_below(one, other) or is_below(other, one)


def require_allowed(node: Node, container: Container, before: Container | None = None) -> None:
    """Conflict, with the line to write into which file, when the node does not allow it.

    What the container `before` needed is not asked for again.
    """
    had = needs(before) if before is not None else ()
    lacks = tuple(need for need in missing(container, node.allow) if need not in had)
    if lacks:
        line = with_more(node.allow, lacks)
        raise Conflict(
            "The node does not allow what the container asks for.",
            *(
                Fact(
                    f"{need.field}: {node.address} does not allow {need.word}: write `{line}` into "
                    f"{AGENT_FILE} on {node.address}, and restart its agent",
                    (need.field,),
                )
                for need in lacks
            ),
        )


def with_more(allow: Iterable[str], lacks: Iterable[Need]) -> str:
    """The line of the agent's file that allows these as well."""
    return f"allow: [{', '.join(dict.fromkeys([*allow, *(need.word for need in lacks)]))}]"


def entry(text: str) -> str:
    """An entry of `allow` in the one way in which we write it; ValueError when it is none."""
    if len(text.encode()) > ENTRY_BYTES_MAX:
        raise ValueError(f"an entry has at most {ENTRY_BYTES_MAX} bytes")
    if text.startswith("/"):
        return plain_path(text)
    if text in _WORDS:
        return text
    capability = canonical(text)
    if capability in CAPABILITIES or capability == ALL:
        return capability
    raise ValueError(
        f"{text!r} is none of {', '.join(sorted(_WORDS))}, no capability, such as NET_ADMIN, and "
        "no path, such as /srv/web or /dev/kvm"
    )


def plain_path(path: str) -> str:
    """The path without ".", "..", doubled slashes and a slash at its end."""
    return "/" + posixpath.normpath(path).lstrip("/")


def _needs(container: Container) -> Iterator[Need]:
    if container.privileged:
        yield Need(PRIVILEGED, PRIVILEGED)
    for name in container.cap_add:
        if canonical(name) not in GIVEN_BY_DOCKER:
            yield Need("cap_add", canonical(name))
    for option in container.security_opt:
        if _HARMLESS_OPTION.fullmatch(option) is None:
            yield Need(SECURITY_OPT, SECURITY_OPT)
    if container.userns_mode is not None:
        yield Need(USERNS_MODE, USERNS_MODE)
    for device in container.devices:
        yield Need("devices", plain_path(device.partition(":")[0]))
    for bind in container.bind_mounts:
        yield Need("bind_mounts", bind.host_path, exactly=True)
