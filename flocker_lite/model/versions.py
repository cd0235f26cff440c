"""Which releases understand each other: each speaks a range of protocol versions; pure.

What a later release adds is optional, or of a kind that is skipped by who does not know it, and
needs no new version. A version is raised for what the other side must not miss. The release that
raises it still speaks the one before, so that neighbouring releases work together while a cluster
is upgraded machine by machine.
"""

from __future__ import annotations

from dataclasses import dataclass


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
    """What a peer speaks that said this; one that names no oldest speaks but one."""
    return Versions(version if oldest is None else oldest, version)


def why_strange(here: str, mine: Versions, there: str, theirs: Versions) -> str | None:
    """Why these two do not understand each other, and whom to upgrade; None when they do.

    `here` and `there` are what the reader calls the two sides.
    """
    if max(mine.oldest, theirs.oldest) <= min(mine.newest, theirs.newest):
        return None
    older = there if theirs.newest < mine.newest else here
    return f"{there} speaks {theirs}, {here} {mine}: upgrade {older}"
