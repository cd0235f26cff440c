"""The interface to the containers of a node that flocker_lite did not make."""

from __future__ import annotations

from collections.abc import Awaitable, Collection

from zope.interface import Interface

from flocker_lite.model.adoption import Adoption


class IForeignContainers(Interface):
    """All containers of one node, whoever made them; it looks at them, and changes nothing."""

    def adoption(container: str, name: str | None, allow: Collection[str]) -> Awaitable[Adoption]:
        """What a container would become, on this node, which allows that.

        `container` is its name or its id in Docker, `name` what it is to be called; as in Docker
        if that is None. Measures its volumes for a few seconds at most. NotFound when there is no
        such container, ContainerError when Docker does not answer.
        """
