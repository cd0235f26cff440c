"""What the switchboard puts in force, out of what the cluster wants and what is said here."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.errors import FlockerError
from flocker_lite.model.state import Held, Listener, PortState, Relayed, Route, Rule
from flocker_lite.routing.switchboard import COUNT_SECONDS, HELD_SECONDS_MAX, Switchboard
from flocker_lite.testing.memory_holder import FIRST_LISTENER, MemoryHolder
from flocker_lite.testing.memory_listeners import MemoryListeners
from flocker_lite.testing.memory_routing import MemoryRouting

ME, OTHER, THIRD = "10.0.0.1", "10.0.0.2", "10.0.0.3"
PORT = 7000
HELD = Held(PORT, FIRST_LISTENER, "redis")
WEB = Route(8080, THIRD, "web")


def redis(address: str) -> Route:
    """The route to redis at a node."""
    return Route(PORT, address, "redis")


class SwitchboardTests(SynchronousTestCase):
    """One node, from which redis goes and to which it comes."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.routing = MemoryRouting()
        self.holder = MemoryHolder()
        self.listeners = MemoryListeners()
        self.told_of: Callable[[], None] = lambda: None
        self.board = Switchboard(
            self.routing,
            self.holder,
            self.listeners,
            ME,
            self.clock,
            changed=lambda: self.told_of(),
        )

    def do(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """What it returns at once."""
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def in_force(self) -> frozenset[Rule]:
        """What becomes of connections of the version of IP that the nodes are known by."""
        return frozenset(rule for rule in self.routing.routes if not isinstance(rule, Relayed))

    def relayed(self) -> dict[int, str]:
        """Where those of the other version go, by port: the rules are as the holder listens."""
        rules = {rule for rule in self.routing.routes if isinstance(rule, Relayed)}
        assert {rule.port for rule in rules} == set(self.holder.relayed)
        assert {rule.version for rule in rules} <= {6}
        return self.holder.relayed

    def told(self, *routes: Route) -> None:
        """The cluster wants these, and sees that they are in force."""
        desired: frozenset[Rule] = frozenset(routes)
        self.do(self.board.replace(desired))
        assert self.do(self.board.discover()) == desired

    def test_what_the_cluster_wants(self) -> None:
        """Routes are in force as they are; one to this very node is none."""
        self.told(WEB, redis(ME))
        assert self.in_force() == {WEB}

    def test_datagrams(self) -> None:
        """They follow the cluster's routes at once, those of known flows too, and never wait."""
        there, elsewhere = (Route(PORT, address, "dns", "udp") for address in (OTHER, THIRD))
        for route, expected in (
            (there, there),
            (elsewhere, elsewhere),
            (replace(there, address=ME), None),
        ):
            self.told(WEB, redis(ME), route)
            assert self.routing.sends("client", PORT) == expected
        self.do(self.board.hold("redis", [PORT]))
        self.told(WEB, redis(ME), there)
        assert self.routing.sends("client", PORT) == there
        held = self.in_force() - {WEB, there}
        assert [type(rule) for rule in held] == [Held]
        assert set(self.holder.relayed) == {WEB.port}

    def test_datagrams_that_no_flow_changed_for(self) -> None:
        """Flows are forgotten for what changed alone: a datagram on its way may be lost."""
        asked: list[str] = []

        async def note(method: str) -> None:
            asked.append(method)

        self.routing.before = note
        dns = Route(PORT, OTHER, "dns", "udp")
        self.told(dns)
        self.told(dns, WEB)
        assert asked.count("forget") == 1
        self.told(WEB)
        assert asked.count("forget") == 2

    def test_flows_that_cannot_be_forgotten(self) -> None:
        """It is said, the rules are in force, and the next time they are forgotten as well."""
        dns = Route(PORT, OTHER, "dns", "udp")
        assert self.routing.sends("client", PORT) is None
        self.routing.fail_next("forget", FlockerError("no"))
        self.told(dns)
        assert self.in_force() == {dns}
        assert self.routing.sends("client", PORT) is None
        self.told(dns, WEB)
        assert self.routing.sends("client", PORT) == dns

    def test_what_a_dead_agent_left_of_datagrams(self) -> None:
        """The flows of a route that went while there was no agent are forgotten."""
        dns = Route(PORT, OTHER, "dns", "udp")
        self.routing.routes = frozenset({dns})
        assert self.routing.sends("client", PORT) == dns
        assert self.do(self.board.discover()) == {dns}
        self.told(WEB)
        assert self.routing.sends("client", PORT) is None

    def test_what_a_dead_agent_left(self) -> None:
        """A port that was held when the agent died is seen, and mended by the next plan."""
        self.routing.routes = frozenset({HELD, WEB})
        assert self.do(self.board.discover()) == {HELD, WEB}
        self.told(WEB)
        assert self.in_force() == {WEB}

    def test_from_here_to_another(self) -> None:
        """Held, then led on; what the cluster says late does not matter, later news does."""
        self.told(WEB, redis(ME))
        self.do(self.board.hold("redis", (PORT,)))
        held = Held(PORT, self.holder.listeners[PORT], "redis")
        assert self.in_force() == {WEB, held}
        self.told(WEB)
        assert self.in_force() == {WEB, held}
        self.do(self.board.route_to("redis", (PORT,), OTHER))
        assert self.in_force() == {WEB, redis(OTHER)}
        assert self.holder.forwarded == {PORT: OTHER}
        self.told(WEB, redis(ME))
        assert self.in_force() == {WEB, redis(OTHER)}
        self.told(WEB, redis(OTHER))
        self.told(WEB, redis(THIRD))
        assert self.in_force() == {WEB, redis(THIRD)}
        self.clock.advance(HELD_SECONDS_MAX)
        assert self.holder.refused == []

    def test_who_waits_goes_on_before_the_rules_do(self) -> None:
        """The listener stays until no rule leads to it any more, however long the kernel takes."""
        self.told(redis(ME))
        self.do(self.board.hold("redis", (PORT,)))
        slow: Deferred[None] = Deferred()
        self.routing.before = lambda method: slow
        leading = Deferred.fromCoroutine(self.board.route_to("redis", (PORT,), OTHER))
        assert self.holder.forwarded == {PORT: OTHER}
        assert PORT in self.holder.listeners
        self.routing.before = None
        slow.callback(None)
        self.successResultOf(leading)
        assert self.in_force() == {redis(OTHER)}
        assert PORT not in self.holder.listeners

    def test_it_comes_here(self) -> None:
        """What comes goes on to where it went until the container answers, and then stays here."""
        self.told(redis(OTHER))
        self.board.freeze((PORT,))
        self.told()
        assert self.in_force() == {redis(OTHER)}
        self.told(redis(OTHER))
        self.do(self.board.serve_here((PORT,)))
        assert self.in_force() == frozenset()
        self.told(redis(OTHER))
        assert self.in_force() == frozenset()
        self.told()
        self.told(redis(THIRD))
        assert self.in_force() == {redis(THIRD)}

    def test_it_comes_here_and_ends(self) -> None:
        """When it ends before it answers the cluster is right again."""
        self.told(redis(OTHER))
        self.board.freeze((PORT,))
        self.told(redis(THIRD))
        self.do(self.board.forget((PORT,)))
        assert self.in_force() == {redis(THIRD)}

    def test_a_trial_here(self) -> None:
        """As long as it is kept, nothing gets to the ports here: what is led nowhere is held."""
        self.told(redis(OTHER))
        self.board.freeze((PORT,))
        self.do(self.board.hold_frozen("redis", (PORT,)))
        assert self.in_force() == {redis(OTHER)}
        self.do(self.board.forget((PORT,)))
        self.told()
        self.board.freeze((PORT,))
        self.do(self.board.hold_frozen("redis", (PORT,)))
        assert self.in_force() == {HELD}
        self.clock.advance(HELD_SECONDS_MAX)
        assert self.holder.refused == [PORT]
        assert self.in_force() == {HELD}
        self.do(self.board.serve_here((PORT,)))
        assert self.in_force() == frozenset()

    def test_a_trial_that_ends(self) -> None:
        """Who was held has waited in vain."""
        self.told()
        self.board.freeze((PORT,))
        self.do(self.board.hold_frozen("redis", (PORT,)))
        self.board.refuse((PORT,))
        self.do(self.board.forget((PORT,)))
        assert self.holder.refused == [PORT]
        assert self.in_force() == frozenset()

    def test_a_trial_that_cannot_be_held(self) -> None:
        """Then it cannot begin."""
        self.told()
        self.board.freeze((PORT,))
        self.routing.fail_next("replace", FlockerError("nft is gone"))
        keeping = Deferred.fromCoroutine(self.board.hold_frozen("redis", (PORT,)))
        self.failureResultOf(keeping, FlockerError)

    def test_a_trial_waits_for_rules_on_their_way(self) -> None:
        """What leads elsewhere is in force before it begins, also when the kernel is slow."""
        kernel: Deferred[None] = Deferred()

        async def slowly(_: str) -> None:
            await kernel

        self.routing.before = slowly
        Deferred.fromCoroutine(self.board.replace(frozenset({WEB})))
        Deferred.fromCoroutine(self.board.replace(frozenset({WEB, redis(OTHER)})))
        self.board.freeze((PORT,))
        keeping = Deferred.fromCoroutine(self.board.hold_frozen("redis", (PORT,)))
        self.assertNoResult(keeping)
        kernel.callback(None)
        self.successResultOf(keeping)
        assert self.in_force() == {WEB, redis(OTHER)}

    def test_a_trial_where_rules_failed(self) -> None:
        """They are tried again, and it begins with them or not at all."""
        self.routing.fail_next("replace", FlockerError("nft is gone"))
        self.failureResultOf(
            Deferred.fromCoroutine(self.board.replace(frozenset({redis(OTHER)}))), FlockerError
        )
        self.board.freeze((PORT,))
        self.do(self.board.hold_frozen("redis", (PORT,)))
        assert self.in_force() == {redis(OTHER)}

    def test_what_is_held_by_a_process_that_is_gone(self) -> None:
        """The rule stays when it is asked for: it leads to nobody any more, and so to no trial."""
        self.told(WEB)
        self.do(self.board.replace(frozenset({WEB, HELD})))
        assert self.in_force() == {WEB, HELD}
        assert self.do(self.board.discover()) == {WEB, HELD}

    def test_a_move_that_failed(self) -> None:
        """The container serves here again, and who was held is passed on to it."""
        self.told()
        self.do(self.board.hold("redis", (PORT,)))
        self.board.freeze((PORT,))
        self.do(self.board.serve_here((PORT,)))
        assert self.in_force() == frozenset()
        assert self.holder.forwarded == {PORT: ME}

    def test_held_too_long(self) -> None:
        """After the time that is allowed they are refused, and the port is as the cluster wants."""
        self.told(WEB)
        self.do(self.board.hold("redis", (PORT,)))
        self.clock.advance(HELD_SECONDS_MAX - 1)
        assert self.holder.refused == []
        self.clock.advance(1)
        assert self.holder.refused == [PORT]
        assert self.in_force() == {WEB}

    def test_it_cannot_be_held(self) -> None:
        """Where the node cannot do it the move goes on, and nothing is led wrong."""
        self.told(WEB)
        self.routing.fail_next("replace", FlockerError("no nft"))
        self.do(self.board.hold("redis", (PORT,)))
        assert self.in_force() == {WEB}
        self.do(self.board.route_to("redis", (PORT,), OTHER))
        assert self.in_force() == {WEB, redis(OTHER)}

    def test_the_other_version_of_ip(self) -> None:
        """What the kernel cannot lead to a node is relayed there, except while it is held."""
        self.told(WEB, redis(OTHER))
        assert self.relayed() == {PORT: OTHER, WEB.port: THIRD}
        self.do(self.board.hold("redis", (PORT,)))
        assert self.relayed() == {WEB.port: THIRD}
        self.do(self.board.route_to("redis", (PORT,), THIRD))
        assert self.relayed() == {PORT: THIRD, WEB.port: THIRD}
        assert self.holder.forwarded == {PORT: THIRD}
        self.do(self.board.serve_here((PORT,)))
        assert self.relayed() == {WEB.port: THIRD}

    def test_a_node_with_one_version(self) -> None:
        """It has no need of relays."""
        self.holder.two_versions = False
        self.told(redis(OTHER))
        assert self.routing.routes == {redis(OTHER)}

    def test_it_cannot_be_relayed(self) -> None:
        """What the kernel can do is done all the same."""
        self.holder.relay_error = FlockerError("no port is free")
        self.told(redis(OTHER))
        assert self.routing.routes == {redis(OTHER)}

    def test_a_relay_is_left_late(self) -> None:
        """As long as a rule may lead to it, it goes on, also when the kernel refused new ones."""
        self.told(redis(OTHER))
        self.routing.fail_next("replace", FlockerError("busy"))
        replacing = Deferred.fromCoroutine(self.board.replace(frozenset()))
        self.failureResultOf(replacing, FlockerError)
        assert self.holder.relayed == {PORT: OTHER}
        self.told()
        assert self.holder.relayed == {}

    def test_what_another_agent_left(self) -> None:
        """A relay of an agent that died leads nowhere: it is seen, and mended."""
        self.routing.routes = frozenset({WEB, Relayed(WEB.port, 39_999, WEB.container, 6)})
        assert self.do(self.board.discover()) == self.routing.routes
        self.told(WEB)
        assert self.relayed() == {WEB.port: THIRD}

    def test_counts_are_told(self) -> None:
        """Once in a while, however many connections come."""
        told: list[object] = []
        self.told_of = lambda: told.append(self.board.counts())
        self.holder.states[PORT] = PortState(1, 1)
        for _ in range(5):
            self.holder.changed()
        assert told == []
        self.clock.advance(COUNT_SECONDS)
        assert told == [{PORT: PortState(1, 1)}]
        self.holder.changed()
        self.board.close()
        assert self.clock.getDelayedCalls() == []

    def test_who_listens(self) -> None:
        """It is as it is seen, and nobody when that fails: nothing else depends on it."""
        self.listeners.listening["80"] = Listener("nginx", 8)
        assert self.do(self.board.listeners()) == {"80": Listener("nginx", 8)}
        self.listeners.error = FlockerError("there is no ss")
        assert self.do(self.board.listeners()) == {}

    def test_close(self) -> None:
        """Nothing happens after the end."""
        self.do(self.board.hold("redis", (PORT,)))
        self.board.close()
        assert self.clock.getDelayedCalls() == []
        assert self.holder.listeners == {}
