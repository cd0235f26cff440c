"""Which releases understand each other: each speaks a range of protocol versions; pure.

An addition needs no new version if it is optional, or if a side that does not know it skips it. We
raise the version for an addition that the other side must not miss. The release that raises it
still speaks the version before, so that neighbouring releases work together while a cluster is
upgraded machine by machine.
"""

from __future__ import annotations

from dataclasses import dataclass

NEWEST = 2
"""The newest protocol between agents and control service; no field needs a later one."""


@dataclass(frozen=True, slots=True)
class Versions:
    """The protocol versions that one side speaks: all from `oldest` to `newest`."""

    oldest: int
    newest: int

    def __str__(self) -> str:
        if self.oldest == self.newest:
            return f"protocol {self.newest}"
        return f"protocols {self.oldest} to {self.newest}"


def told_versions(version: int, oldest: int | None) -> Versions:
    """The versions that a peer speaks; a peer that names no oldest speaks only `version`."""
    return Versions(version if oldest is None else oldest, version)


def why_strange(here: str, mine: Versions, there: str, theirs: Versions) -> str | None:
    """Why two sides do not understand each other, and which to upgrade; None when they do.

    `here` and `there` are the reader's names for the two sides.
    """
    if max(mine.oldest, theirs.oldest) <= min(mine.newest, theirs.newest):
        return None
    older = there if theirs.newest < mine.newest else here
    return f"{there} speaks {theirs}, {here} {mine}: upgrade {older}"
