"""What users set on a copy with `zfs set`: read, and set elsewhere, one after the other.

What a ZFS cannot do is noted on the copy there, so that it is not lost where it goes next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flocker_lite.errors import CommandFailed
from flocker_lite.model.properties import NAMES, Properties, travels
from flocker_lite.zfs import commands
from flocker_lite.zfs.asides import Run
from flocker_lite.zfs.names import WISHES_PROPERTY
from flocker_lite.zfs.output import UnexpectedOutput

_INHERITED = ("default", "inherited", "received")


@dataclass(frozen=True, slots=True)
class Own:
    """What a filesystem has `here` of its own, None for what it inherits, and what is noted."""

    here: Properties
    wishes: Mapping[str, str]

    def wanted(self) -> dict[str, str | None]:
        """What users want of it: what is set here now counts."""
        told: dict[str, str | None] = {**self.wishes}
        return told | {
            key: value
            for key, value in self.here.items()
            if value is not None or key not in self.wishes
        }


async def read(run: Run, name: str) -> Properties:
    """Of the properties that may travel, those that are known of the filesystem."""
    return (await _own(run, name)).wanted()


async def write(run: Run, name: str, wanted: Properties) -> tuple[str, ...]:
    """Have these on the filesystem; what this ZFS cannot do of it, in words.

    One by one, for not every ZFS takes several, and what one lacks is no reason against another.
    """
    own = await _own(run, name)
    wishes, undone = dict(own.wishes), []
    for key, value in sorted(wanted.items()):
        wishes.pop(key, None)
        why = await _set(run, name, own.here, key, value)
        if why is not None:
            undone.append(f"{key}={value}: {why}")
        if why is not None and value is not None:
            wishes[key] = value
    if wishes != own.wishes:
        text = ",".join(f"{key}={value}" for key, value in sorted(wishes.items()))
        noted = commands.set_property(name, WISHES_PROPERTY, text)
        await run(noted if wishes else commands.inherit(name, WISHES_PROPERTY))
    return tuple(undone)


def parsed(text: str) -> Own:
    """The output of `commands.all_properties`; an option of a mount hides what is set."""
    here: dict[str, str | None] = {}
    wishes: dict[str, str] = {}
    for line in text.splitlines():
        parts = line.split("\t")
        if len(parts) != 3:
            raise UnexpectedOutput(f"zfs get printed {line!r}")
        key, value, source = parts
        if key == WISHES_PROPERTY and source == "local":
            pairs = [wish.partition("=") for wish in value.split(",")]
            wishes = {wish: told for wish, _, told in pairs if travels(wish, told)}
        elif key in NAMES and source == "local":
            here[key] = value
        elif key in NAMES and source.startswith(_INHERITED):
            here[key] = None
    return Own(here, wishes)


async def _own(run: Run, name: str) -> Own:
    return parsed(await run(commands.all_properties(name)))


async def _set(run: Run, name: str, here: Properties, key: str, value: str | None) -> str | None:
    """None once it is so, else why it is not."""
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
