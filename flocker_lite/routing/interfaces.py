"""IHolder, which only the switchboard uses: it holds and relays connections."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from zope.interface import Attribute, Interface

from flocker_lite.model.state import PortState


class IHolder(Interface):
    """Accepts connections while no container can serve them, and passes them on when one can.

    It also relays connections whose version of IP cannot reach the serving node.
    """

    changed: Callable[[], None] = Attribute("Called when `counts` may have changed.")

    def counts() -> Mapping[int, PortState]:
        """For each external port: how many connections are held, were held, and were refused."""

    def hold(port: int) -> Awaitable[int]:
        """Hold connections to this external port; returns the local port to redirect them to.

        Raises FlockerError when this node cannot listen. Idempotent.
        """

    def lead(port: int, address: str) -> None:
        """Pass held connections to this port on to that address, and later ones too."""

    def let_go(port: int, address: str) -> None:
        """The same, and stop listening soon: the kernel redirects no more connections here."""

    def relay(port: int, address: str) -> Awaitable[int | None]:
        """Like `let_go`, but go on relaying until `leave`; returns the local port for that.

        Connections of the version of IP that the address does not have go to that port. None when
        this node does not have that version. Raises FlockerError when this node cannot listen.
        Idempotent.
        """

    def leave(port: int) -> None:
        """Stop relaying connections to this port; held ones stay. Idempotent."""

    def refuse(port: int) -> None:
        """Hang up on the connections that are held for this port."""

    def close() -> None:
        """Hang up on all connections, held or passed on."""
