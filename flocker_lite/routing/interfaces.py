"""The door behind which connections wait, of which the switchboard alone knows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from zope.interface import Attribute, Interface

from flocker_lite.model.state import PortState


class IHolder(Interface):
    """Accepts connections while nobody can serve them, and passes them on when somebody can.

    And those of the version of IP by which the node that serves is not to be reached.
    """

    changed: Callable[[], None] = Attribute("Called when `counts` may be different.")

    def counts() -> Mapping[int, PortState]:
        """How many connections are, were held, and were refused, for each external port."""

    def hold(port: int) -> Awaitable[int]:
        """Accept what is for this external port; returns the port at which it is to arrive here.

        Raises FlockerError when this node cannot listen. Idempotent.
        """

    def lead(port: int, address: str) -> None:
        """Pass what is held for this port, and what comes from now on, on to it at that address."""

    def let_go(port: int, address: str) -> None:
        """The same, and stop to listen soon: the kernel brings nothing more."""

    def relay(port: int, address: str) -> Awaitable[int | None]:
        """Like `let_go`, for good: returns the port at which more is to arrive here until `leave`.

        That is what comes by the version of IP that the address is not of; None when this node
        does not have that. Raises FlockerError when this node cannot listen. Idempotent.
        """

    def leave(port: int) -> None:
        """Nothing more is to be relayed for this port; what is held goes on. Idempotent."""

    def refuse(port: int) -> None:
        """Hang up on what is held for this port."""

    def close() -> None:
        """Hang up on everything that is held, passed on or not."""
