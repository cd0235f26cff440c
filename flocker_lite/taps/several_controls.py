"""One of several control services: its ports serve while it leads, and else say who does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from twisted.logger import Logger

from flocker_lite.control.agent_links import AgentLinkFactory
from flocker_lite.control.change_feed import ChangeFeed
from flocker_lite.control.election import Election
from flocker_lite.control.follower_links import AgentPort
from flocker_lite.control.http.app import RESTAPI
from flocker_lite.control.http.channel import LimitedSite
from flocker_lite.control.http.leader_resource import LeaderResource
from flocker_lite.control.metrics.control_metrics import ControlMetrics
from flocker_lite.control.service import ControlService
from flocker_lite.control.store.etcd import EtcdStore, open_store
from flocker_lite.control.store.etcd_client import Etcd
from flocker_lite.control.store.etcd_gateway import HTTPGateway, member_urls
from flocker_lite.control.store.leadership import LEASE_SECONDS_MIN
from flocker_lite.control.term import Term
from flocker_lite.errors import ConfigurationFileError
from flocker_lite.interfaces import IStore
from flocker_lite.interfaces.reactor import INetworkReactor
from flocker_lite.taps.startup import collect_all, tune_gc

ATTEMPTS_PER_LEASE = 5
"""A member of etcd has this part of a lease to answer; then another one is asked."""


OpenServing = Callable[
    [IStore, ChangeFeed, Term], Awaitable[tuple[ControlService, RESTAPI, AgentLinkFactory]]
]


class SeveralControls:
    """`clients` and `agents` are the factories of the ports; call `start` once those are open."""

    log = Logger()

    def __init__(
        self,
        reactor: INetworkReactor,
        options: Mapping[str, Any],
        metrics: ControlMetrics,
        open_serving: OpenServing,
        connections: tuple[int, int],
        user_of: Callable[[Any], str | None],
    ) -> None:
        self._reactor = reactor
        self._address = require_address(options["address"])
        self._lease_seconds = require_lease(options["lease-seconds"])
        self._open_serving = open_serving
        self._etcd = etcd_of(reactor, options, self._lease_seconds)
        self._election = Election(self._etcd, self._open_store, self._begin)
        clients_max, agents_max = connections
        self._root = LeaderResource(self._election, metrics.scrape_follower)
        self.clients = LimitedSite(self._root, clients_max, user_of)
        self.agents = AgentPort(self._election, reactor, agents_max)
        self._api = self._agents = ""

    def start(self, port: int, agent_port: int, is_secure: bool) -> None:
        """Take part in the election; others reach this machine at these ports."""
        host = f"[{self._address}]" if ":" in self._address else self._address
        self._api = f"{'https' if is_secure else 'http'}://{host}:{port}"
        self._agents = f"{host}:{agent_port}"
        self.log.info("one of several control services, at {api}", api=self._api)
        self._election.start()

    async def stop(self) -> None:
        """Take part no more; if this one leads, another may at once."""
        await self._election.stop()
        await self._etcd.gateway.close()

    async def _open_store(self) -> EtcdStore:
        return await open_store(self._etcd, self._api, self._agents, self._lease_seconds)

    async def _begin(self, store: EtcdStore) -> _Serving:
        number, leadership = store.leadership.leader.term, store.leadership
        feed = ChangeFeed.of_term(number)
        term = Term(number, lambda: leadership.holds)
        control, api, agents = await self._open_serving(store, feed, term)
        tune_gc()
        self._root.serving, self.agents.serving = api.resource(), agents
        self.log.info("flocker-control serves cluster {cluster}", cluster=control.cluster_id)
        return _Serving(control, self)

    async def end(self, control: ControlService) -> None:
        """Serve no more, and hang up on everybody: nobody may wait for what does not come."""
        self._root.serving = self.agents.serving = None
        self.clients.hang_up()
        await control.close()
        # The next term's `tune_gc` would keep the garbage of this one for ever. Later: our callers
        # still hold on to it.
        self._reactor.callLater(0, collect_all)


@dataclass(frozen=True)
class _Serving:
    control: ControlService
    of: SeveralControls

    async def end(self) -> None:
        """See `election.Serving`."""
        await self.of.end(self.control)


def etcd_of(reactor: INetworkReactor, options: Mapping[str, Any], lease_seconds: float) -> Etcd:
    """The etcd that the options name; ConfigurationFileError if they make no sense."""
    found = options["etcd-certificates"]
    certificates = Path(found) if found is not None else None
    prefix = str(options["etcd-prefix"])
    if not (prefix.startswith("/") and prefix.endswith("/") and prefix.isascii()):
        raise ConfigurationFileError("--etcd-prefix begins and ends with a slash: /flocker-lite/")
    urls = member_urls(str(options["store"]))
    gateway = HTTPGateway(reactor, urls, lease_seconds / ATTEMPTS_PER_LEASE, certificates)
    return Etcd(gateway, cast(Any, reactor), prefix)


def require_sqlite(store: str) -> None:
    """Raise ConfigurationFileError unless this is the store without a server."""
    if store != "sqlite":
        raise ConfigurationFileError(
            f"--store {store} is not known: it is sqlite, or "
            "etcd:https://HOST:2379,https://HOST:2379,..."
        )


def require_address(address: str | None) -> str:
    """The address of this machine for others; ConfigurationFileError without one."""
    if not address:
        raise ConfigurationFileError(
            "--store etcd needs --address: by which clients and agents reach this machine, to "
            "whom other control services name it"
        )
    return address.strip("[]")


def require_lease(seconds: int) -> int:
    """The length of the lease; ConfigurationFileError if it is too short."""
    if seconds < LEASE_SECONDS_MIN:
        raise ConfigurationFileError(f"--lease-seconds is at least {LEASE_SECONDS_MIN}")
    return seconds
