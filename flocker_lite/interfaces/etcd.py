"""The interface to etcd's JSON gateway."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any

from zope.interface import Interface


class IEtcdGateway(Interface):
    """Sends requests to the members of one etcd, as its v3 JSON gateway takes them."""

    def call(path: str, body: Mapping[str, Any]) -> Awaitable[dict[str, Any]]:
        """The answer of one member to one request, such as "kv/range"; it is sent once.

        Raises EtcdUnsure without an answer, and then the next call goes to another member;
        EtcdRejected when etcd answers that it did nothing.
        """

    def versions() -> Awaitable[dict[str, str]]:
        """The version of each member that answers now, by its URL; EtcdUnsure if none does."""

    def close() -> Awaitable[None]:
        """Close the connections. Idempotent."""
