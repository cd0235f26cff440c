"""What goes wrong with a volume; the text is what Docker shows to its user."""

from __future__ import annotations

from flocker_lite.errors import FlockerError


class VolumeError(FlockerError):
    """What Docker asked cannot be done; the text says why, and what to do."""


class NoSuchVolume(VolumeError):
    """Docker has no volume of that name here."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no such volume: {name}")
