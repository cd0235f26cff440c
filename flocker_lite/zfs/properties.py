"""Reads the properties that users set on a copy with `zfs set`, and sets them on other copies.

A property that a node's ZFS lacks is noted on its copy, so that the next node can set it again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from flocker_lite.errors import CommandFailed
from flocker_lite.model.properties import NAMES, Properties, is_of_users, travels
from flocker_lite.zfs import commands
from flocker_lite.zfs.asides import Run
from flocker_lite.zfs.names import NOTED_PROPERTY
from flocker_lite.zfs.output import UnexpectedOutput

_INHERITED = ("default", "inherited", "received")
_OWN_OF_USERS = re.compile(r"^(?=[a-z0-9_.+-]*:[a-z0-9_.+:-]*\t)", re.MULTILINE)
"""The start of a user property; ZFS lists those after all native ones."""


@dataclass(frozen=True, slots=True)
class CopyProperties:
    """The properties of a filesystem: its own values `here`, and the ones that are noted on it.

    A value of None is inherited. `others` are properties that users set and that never travel.
    """

    here: Properties
    noted: Mapping[str, str]
    others: Mapping[str, str] = field(default_factory=dict)

    def desired(self) -> dict[str, str | None]:
        """The values that users want; a value that they set here overrides a noted one."""
        noted: dict[str, str | None] = {**self.noted}
        return noted | {
            key: value
            for key, value in self.here.items()
            if value is not None or key not in self.noted
        }


async def read(run: Run, name: str) -> Properties:
    """All properties that may travel and that this ZFS knows, and all others that users set."""
    own = await _own(run, name)
    return {**own.others, **own.desired()}


async def write(run: Run, name: str, desired: Properties) -> tuple[str, ...]:
    """Set these properties; returns, in words, those that this ZFS could not set.

    It sets them one by one: not every ZFS takes several, and one failure must not stop the others.
    """
    own = await _own(run, name)
    noted, failed = dict(own.noted), []
    for key, value in sorted(desired.items()):
        noted.pop(key, None)
        why = await _set(run, name, own.here, key, value)
        if why is not None:
            failed.append(f"{key}={value}: {why}")
        if why is not None and value is not None:
            noted[key] = value
    if noted != own.noted:
        text = ",".join(f"{key}={value}" for key, value in sorted(noted.items()))
        note = commands.set_property(name, NOTED_PROPERTY, text)
        await run(note if noted else commands.inherit(name, NOTED_PROPERTY))
    return tuple(failed)


def parsed(text: str) -> CopyProperties:
    """From the output of `commands.all_properties`; a mount option hides the value that is set."""
    here: dict[str, str | None] = {}
    noted: dict[str, str] = {}
    others: dict[str, str] = {}
    for key, value, source in _rows(text):
        if key == NOTED_PROPERTY and source == "local":
            pairs = [item.partition("=") for item in value.split(",")]
            noted = {key: text for key, _, text in pairs if travels(key, text)}
        elif key in NAMES and source == "local":
            here[key] = value
        elif key in NAMES and source.startswith(_INHERITED):
            here[key] = None
        elif source == "local" and is_of_users(key):
            others[key] = value
    return CopyProperties(here, noted, others)


def _rows(text: str) -> Iterator[tuple[str, str, str]]:
    """Name, value and source of each property; a user property may have tabs and line breaks."""
    native, *own = _OWN_OF_USERS.split(text)
    for row in (*native.splitlines(), *own):
        key, _, rest = row.removesuffix("\n").partition("\t")
        value, tab, source = rest.rpartition("\t")
        if not tab:
            raise UnexpectedOutput(f"zfs get printed {row!r}")
        yield key, value, source


async def _own(run: Run, name: str) -> CopyProperties:
    return parsed(await run(commands.all_properties(name)))


async def _set(run: Run, name: str, here: Properties, key: str, value: str | None) -> str | None:
    """Set one property; None when that worked, else the reason why not."""
    if here.get(key) == value:
        return None
    if key not in here:
        return "this ZFS has no such property"
    command = commands.inherit(name, key)
    if value is not None:
        command = commands.set_property(name, key, value)
    try:
        await run(command)
    except CommandFailed as error:
        return " ".join(error.stderr_tail.split()) or str(error)
    return None
