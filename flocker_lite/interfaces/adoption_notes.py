"""The interface to what a node has written down of its adoptions."""

from __future__ import annotations

from collections.abc import Awaitable

from pyrsistent import PMap
from zope.interface import Attribute, Interface

from flocker_lite.model.adoption import AdoptionNote


class IAdoptionNotes(Interface):
    """The notes of one node, by the names that the containers have here; each write is durable."""

    notes: PMap[str, AdoptionNote] = Attribute("What is written down now.")

    def write(name: str, note: AdoptionNote) -> Awaitable[None]:
        """Replace the note of that container; ConfigurationFileError if it cannot be written."""

    def forget(name: str) -> Awaitable[None]:
        """Remove the note of that container. Idempotent."""
