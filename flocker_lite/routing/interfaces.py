"""IHolder holds and relays connections; only the switchboard uses it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from zope.interface import Attribute, Interface

from flocker_lite.model.state import PortState


class IHolder(Interface):
    """Accepts connections while no container can serve them, and forwards them when one can.

    It also relays connections whose version of IP cannot reach the serving node.
    """

    changed: Callable[[], None] = Attribute("Called when `counts` may have changed.")

    def counts() -> Mapping[int, PortState]:
        """For each external port: how many connections are held, were held, and were refused."""

    def hold(port: int) -> Awaitable[int]:
        """Hold connections to this external port; returns the local port to redirect them to.

        Raises FlockerError when this node cannot listen. Idempotent.
        """

    def forward(port: int, address: str) -> None:
        """Forward the held connections of this port to that address, and all later ones."""

    def forward_and_close(port: int, address: str) -> None:
        """The same, and stop listening soon: the kernel redirects no more connections to us."""

    def relay(port: int, address: str) -> Awaitable[int | None]:
        """Forward connections of the IP version that the address lacks, until `stop_relaying`.

        Returns the local port to redirect them to; None when this node lacks that version too, and
        the port is closed as `forward_and_close` does. Raises FlockerError when this node cannot
        listen. Idempotent.
        """

    def stop_relaying(port: int) -> None:
        """Stop relaying connections to this port; held ones stay. Idempotent."""

    def refuse(port: int) -> None:
        """Hang up on the connections that are held for this port."""

    def close() -> None:
        """Hang up on all connections, held or forwarded."""
