"""A node with a good certificate lies, in every way in which an agent can: two others go on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pyrsistent import PMap, pmap
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.control.agent_links import Certified
from flocker_lite.model import adoption_edits, discards, edits, secrets
from flocker_lite.model.adoption import ADOPTED, RETURNED, Adopting, AdoptionState
from flocker_lite.model.grants import EPOCH_MAX, Signed, Statement
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.machine import MACHINE, Capacity, Machine
from flocker_lite.model.move_progress import MoveProgress
from flocker_lite.model.records import Container, Dataset, Grant, Port, Volume
from flocker_lite.model.replication import Replication, replication_key
from flocker_lite.model.state import (
    AsideState,
    ContainerState,
    DatasetState,
    ImageState,
    Kept,
    KeptVolume,
    NodeState,
    NodeView,
    PortState,
    Route,
    SecretValues,
)
from flocker_lite.testing.memory_signer import MemoryAuthority
from tests.control.fake_agents import ControlWorld, FakeAgent

A, B, LIAR = (f"{letter * 8}-0000-4000-8000-00000000000{letter}" for letter in "abc")
ADDRESSES = {A: "10.0.0.1", B: "10.0.0.2", LIAR: "10.0.0.3"}
SHOP, WEB, BLOG = "shop", "web", "blog"
D = "dddddddd-0000-4000-8000-00000000000d"
E = "eeeeeeee-0000-4000-8000-00000000000e"
LIARS_OWN = "ffffffff-0000-4000-8000-00000000000f"

HELD = Lease(Role.PRIMARY, 1)
CONTAINERS = {
    SHOP: Container(SHOP, A, "shop:1", (Port(80, 8080),), (Volume(D, "/data"),)),
    WEB: Container(
        WEB,
        A,
        "web:1",
        (Port(80, 8081),),
        environment=pmap({"PASSWORD": "hunter2"}),
        command_line=("--password=hunter2",),
    ),
    BLOG: Container(BLOG, B, "blog:1", (Port(80, 8082),), (Volume(E, "/data"),)),
}
PLACES = {D: A, E: B, LIARS_OWN: LIAR}
ROUTES = {
    "8080": Route(8080, ADDRESSES[A], SHOP),
    "8081": Route(8081, ADDRESSES[A], WEB),
    "8082": Route(8082, ADDRESSES[B], BLOG),
}


def containers(*names: str, **changes: Any) -> PMap[str, ContainerState]:
    """They run, and serve."""
    return pmap(
        {
            name: ContainerState(replace(CONTAINERS[name], **changes), running=True, serving=True)
            for name in names
        }
    )


def datasets(held: Lease, *ids: str, proof: tuple[Signed, ...] = ()) -> PMap[str, DatasetState]:
    """A node has these."""
    return pmap({each: DatasetState(each, held, True, f"/{each}", proof=proof) for each in ids})


class LyingCase(SynchronousTestCase):
    """Two honest nodes with their containers, and one that reports what a test wants."""

    def setUp(self) -> None:
        self.authority = MemoryAuthority()
        self.world = ControlWorld(self.authority.signer())
        self.honest = {
            A: NodeState(datasets(HELD, D), containers(SHOP, WEB)),
            B: NodeState(datasets(HELD, E), containers(BLOG)),
        }
        self.agents = {node_id: self.agent(node_id) for node_id in (A, B, LIAR)}
        for dataset_id, place in PLACES.items():
            dataset = Dataset(dataset_id, place)
            self.edit(lambda before, dataset=dataset: edits.create_dataset(before, dataset))
        for container in CONTAINERS.values():
            self.edit(lambda before, each=container: edits.create_container(before, each))
        for node_id, state in self.honest.items():
            self.agents[node_id].report(state)
        self.agents[LIAR].report(NodeState(datasets(HELD, LIARS_OWN)))
        self.world.run(20)
        self.before = {node_id: self.told(node_id) for node_id in (A, B)}
        self.require_no_blink()

    def agent(self, node_id: str, **words: Any) -> FakeAgent:
        """The agent of a node, by its certificate."""
        certified = Certified(node_id, 2e9)
        words = {"signs": True, **words}
        return FakeAgent(self.world, node_id, ADDRESSES[node_id], certified, **words)

    def edit(self, function: Any) -> None:
        """A user's edit, which must go well."""
        self.successResultOf(self.world.edit(function))

    def told(self, node_id: str) -> NodeView:
        """All that an honest node is told, but what other nodes say that they have."""
        view = self.agents[node_id].view
        mine = {
            key: replace(desired, holders=pmap(), addresses=pmap())
            for key, desired in view.datasets.items()
        }
        return replace(view, datasets=pmap(mine), peers=pmap())

    def lie(self, state: NodeState) -> None:
        """The liar reports it; nothing of it reaches the others, now or when it is gone."""
        self.agents[LIAR].report(state)
        self.world.run(20)
        self.require_no_blink()
        self.agents[LIAR].hang_up()
        self.world.run(200)
        self.require_no_blink()

    def require_no_blink(self) -> None:
        """What the honest nodes are told of their own never was anything else."""
        control = self.world.control
        assert {key: control.configuration.grants[key] for key in (D, E)} == {
            D: Grant(A, 1, materialised=True),
            E: Grant(B, 1, materialised=True),
        }
        for node_id, before in self.before.items():
            told = self.told(node_id)
            # The signed grant was told, and stays told: these agents do not say that they have it.
            assert told == before, node_id
            assert dict(told.routes) == ROUTES
        for agent in (self.agents[A], self.agents[B]):
            kinds = [(each.kind, each.record) for said in agent.messages for each in said.changes]
            assert ("containers", None) not in kinds
            assert ("datasets", None) not in kinds
        for name, node_id in {SHOP: A, WEB: A, BLOG: B}.items():
            assert control.configuration.containers[name].node == node_id

    @property
    def claimed(self) -> set[str]:
        """The datasets that somebody claims."""
        return set(self.world.control.cluster.claims)


class DatasetLiesTests(LyingCase):
    """That datasets are its own."""

    def test_epochs_far_ahead(self) -> None:
        """Nobody gives it what was never its own, in whatever words it asks for it."""
        for epoch in (2, 99, EPOCH_MAX, EPOCH_MAX + 1, 10**40):
            for held in (
                Lease(Role.PRIMARY, epoch),
                Lease(Role.RELEASING, epoch, B),
                Lease(Role.LENT, epoch + 1, B, 30),
            ):
                self.agents[LIAR].report(NodeState(datasets(held, D, E)))
                self.world.run(5)
                assert self.claimed == {D, E}
                self.require_no_blink()
        self.lie(NodeState(datasets(Lease(Role.PRIMARY, 99), D, E)))
        assert self.claimed == set()

    def test_any_role(self) -> None:
        """Neither is it told to somebody that it has taken over or released them, or tries them."""
        for epoch in (0, 1, 2, 99):
            for role in Role:
                going = role in (Role.RELEASING, Role.LENT, Role.RELEASED)
                for peer in (A, B, LIAR) if going else (None,):
                    held = Lease(role, epoch, peer, 30 if role is Role.LENT else None)
                    self.agents[LIAR].report(NodeState(datasets(held, D, E)))
                    self.require_no_blink()
        self.lie(NodeState())

    def test_forged_proofs(self) -> None:
        """It can sign in its own name alone, and nothing that others signed leads to it."""
        mine, control = self.authority.signer(LIAR), self.authority.signer()
        cluster = self.world.control.cluster_id
        proofs: list[tuple[Signed, ...]] = [
            (mine.sign(Statement(cluster, D, LIAR, 2, by, "g")),) for by in (A, LIAR, None)
        ]
        proofs.append((control.sign(Statement(cluster, LIARS_OWN, LIAR, 2)),))
        proofs.append((replace(proofs[0][0], certificate=control.certificate),))
        proofs.append((Signed(Statement(cluster, D, LIAR, 2), "", ""),) * 5000)
        for proof in proofs:
            held = Lease(Role.PRIMARY, 2)
            self.agents[LIAR].report(NodeState(datasets(held, D, E, proof=proof)))
            self.require_no_blink()
        self.lie(NodeState(datasets(Lease(Role.PRIMARY, 2), D, proof=proofs[0])))

    def test_a_move_to_the_liar(self) -> None:
        """It is not given the dataset before it was released, nor led to; then both."""
        self.edit(lambda before: edits.move_container(before, SHOP, LIAR))
        container = {"node": LIAR}
        self.agents[LIAR].report(
            NodeState(datasets(Lease(Role.PRIMARY, 2), D), containers(SHOP, **container))
        )
        self.world.run(5)
        assert self.world.control.configuration.grants[D] == Grant(A, 1, materialised=True)
        assert dict(self.agents[B].view.routes) == ROUTES
        # Not even while the owner is away.
        self.agents[A].hang_up()
        self.world.run(200)
        assert self.world.control.configuration.grants[D] == Grant(A, 1, materialised=True)
        assert self.agents[B].view.routes["8080"] == ROUTES["8080"]
        self.agents[A] = self.agent(A)
        signer = self.authority.signer(A)
        released = Statement(self.world.control.cluster_id, D, LIAR, 2, A, "g")
        proof = (signer.sign(released),)
        self.agents[A].report(
            NodeState(datasets(Lease(Role.REPLICA, 2), D, proof=proof), containers(WEB))
        )
        self.world.run(5)
        assert self.world.control.configuration.grants[D] == Grant(LIAR, 2, materialised=True)
        assert self.agents[B].view.routes["8080"].address == ADDRESSES[LIAR]

    def test_epochs_of_its_own(self) -> None:
        """It is believed what it says of its own dataset, up to a number that can be stored."""
        self.agents[LIAR].report(NodeState(datasets(Lease(Role.PRIMARY, 10**40), LIARS_OWN)))
        self.world.restart()
        assert self.world.control.configuration.grants[LIARS_OWN].epoch == 1


class OtherLiesTests(LyingCase):
    """That it has containers, moves, ports and images, and that it is somebody else."""

    def test_containers(self) -> None:
        """What it says that it runs is led to nowhere."""
        for name in CONTAINERS:
            for changes in (
                {},
                {"node": LIAR},
                {"volumes": ()},
                {"ports": tuple(Port(80, port) for port in range(8080, 8083))},
                {"name": "mine"},
            ):
                serving = containers(name, **changes)
                self.agents[LIAR].report(NodeState(containers=serving))
                self.agents[LIAR].report(NodeState(containers=pmap({"mine": serving[name]})))
                self.require_no_blink()
        ended = {name: replace(each, exit_code=0) for name, each in containers(*CONTAINERS).items()}
        self.lie(NodeState(containers=pmap(ended)))

    def test_what_it_learns(self) -> None:
        """Of a container that it says it has it is told no variables, and no command line."""
        state = NodeState(datasets(Lease(Role.REPLICA, 1), D, E), containers(*CONTAINERS))
        self.agents[LIAR].report(state)
        self.world.run(5)
        told = self.agents[LIAR].view.containers
        assert set(told) == set(CONTAINERS)
        assert "hunter2" not in str(told)
        assert "hunter2" in str(self.agents[A].view.containers)
        self.edit(lambda before: edits.move_container(before, WEB, LIAR))
        assert "hunter2" in str(self.agents[LIAR].view.containers[WEB])

    def test_what_secrets_it_learns(self) -> None:
        """None, until a container that needs some is to run there."""

        def revise(before: Container) -> Container:
            return replace(before, environment_secret=pmap({"KEY": "key"}))

        self.edit(lambda before: secrets.create_secret(before, "key", "aHVudGVyMw==", 1.0))
        self.edit(lambda before: edits.update_container(before, WEB, revise))
        self.agents[LIAR].report(
            NodeState(datasets(Lease(Role.REPLICA, 1), D, E), containers(*CONTAINERS))
        )
        self.world.run(5)
        told = SecretValues(pmap({"key": "aHVudGVyMw=="}))
        assert set(self.agents[LIAR].view.containers) == set(CONTAINERS)
        assert self.agents[LIAR].view.secrets == {}
        assert self.agents[A].view.secrets == {WEB: told}
        self.edit(lambda before: edits.move_container(before, WEB, LIAR))
        assert self.agents[LIAR].view.secrets == {WEB: told}

    def test_a_container_whose_own_ports_it_does_not_keep_to(self) -> None:
        """One that is rightly there has the ports that it is configured to have."""
        mine = Container("mine", LIAR, "mine:1", (Port(80, 9090),))
        self.edit(lambda before: edits.create_container(before, mine))
        ports = tuple(Port(80, port) for port in (8080, 8081, 8082))
        state = ContainerState(replace(mine, ports=ports), running=True, serving=True)
        self.agents[LIAR].report(NodeState(containers=pmap({"mine": state})))
        self.require_no_blink()

    def test_while_a_container_is_down(self) -> None:
        """Whoever says meanwhile that it serves is not led to."""
        down = replace(self.honest[A], containers=pmap())
        self.agents[A].report(down)
        self.agents[LIAR].report(NodeState(containers=containers(SHOP, WEB)))
        self.world.run(5)
        assert dict(self.agents[B].view.routes) == ROUTES
        self.agents[A].report(self.honest[A])
        self.require_no_blink()

    def test_moves(self) -> None:
        """What it says of a move of others neither ends it nor calls it back."""
        self.edit(lambda before: edits.move_container(before, SHOP, B))
        control = self.world.control
        [move] = control.configuration.moves.values()
        for phase in ("done", "rolled back", "failed", "switching"):
            for end in (None, A, LIAR):
                progress = MoveProgress(D, 2, phase, end, LIAR, move_id=move.move_id)
                self.agents[LIAR].report(NodeState(moves=pmap({D: progress})))
                self.world.run(15)
        assert control.configuration.moves == {move.move_id: move}
        assert control.progress_of(move.move_id) == ()
        assert control.configuration.containers[SHOP].node == B

    def test_adoptions(self) -> None:
        """What it says of an adoption at another node ends nothing."""
        made = Container("pg", A, "pg:1")
        adopting = Adopting("c0ffee")
        self.edit(lambda before: adoption_edits.begin(before, "m1", 0.0, adopting, (), made))
        for step in (ADOPTED, RETURNED, "nonsense"):
            lies = pmap({name: AdoptionState("m1", step, "mine") for name in ("pg", SHOP)})
            self.agents[LIAR].report(NodeState(adoptions=lies))
            self.world.run(15)
        control = self.world.control
        assert control.configuration.moves.keys() == {"m1"}
        assert control.configuration.containers["pg"] == made
        assert control.progress_of("m1") == ()

    def test_images_and_ports(self) -> None:
        """They are its own: nothing comes of them elsewhere."""
        ports = pmap({str(port): PortState(9, 9, 9, "mine") for port in (8080, 8081, 8082, 22)})
        images = pmap({"shop:1": ImageState("shop:1", True), "x": ImageState("web:1", False, "no")})
        self.lie(NodeState(images=images, ports=ports))

    def test_volumes_that_it_keeps(self) -> None:
        """It may say that it keeps some for a container of others: they have none of it."""
        kept = {
            name: Kept((KeptVolume(name, "/data", "volume", 1.0),)) for name in (*CONTAINERS, "x")
        }
        self.agents[LIAR].report(NodeState(kept=pmap(kept), containers=containers(SHOP)))
        self.require_no_blink()
        self.lie(NodeState(kept=pmap(kept)))

    def test_what_it_set_aside(self) -> None:
        """It may say that it has anything of others set aside: what it is told to destroy is its
        own, under whatever name, and nobody else is told to."""
        name = f"{D}.trial-1767225600"
        aside = AsideState(D, "trial", 1767225600, 9)
        self.agents[A].report(replace(self.honest[A], set_aside=pmap({name: aside})))
        lies = NodeState(set_aside=pmap({name: aside, "../x": aside}))
        self.agents[LIAR].report(lies)
        self.edit(lambda before: discards.discard(before, name, {LIAR}))
        self.require_no_blink()
        self.agents[LIAR].report(NodeState())
        self.world.run(20)
        assert self.world.control.configuration.discards == pmap()
        assert A in self.world.control.cluster.set_aside[name]
        self.lie(lies)

    def test_machines(self) -> None:
        """What it says of its machine is said of it alone."""
        machine = Machine("9" * 1000, "\x1b[31m", capacity=Capacity(-1, 2**62), told_at=-1e15)
        self.lie(NodeState(machine=pmap({MACHINE: machine, A: machine})))
        assert set(self.world.control.node_records.machines) == {LIAR}

    def test_replications(self) -> None:
        """Of copies of datasets that it does not own it may say what it likes."""
        lie = Replication(D, B, "waiting", lag_bytes=-1, taken_at=1e15)
        self.lie(NodeState(replications=pmap({replication_key(D, B): lie, "/": lie, "": lie})))

    def test_who_it_is(self) -> None:
        """Another node's id, address or key is not to be had."""
        for certified, words, why in (
            (LIAR, {"node_id": A}, "its certificate is that of node"),
            (LIAR, {"address": ADDRESSES[A]}, "10.0.0.1"),
            (LIAR, {"address": "::ffff:10.0.0.1"}, None),
        ):
            agent = FakeAgent(
                self.world,
                words.pop("node_id", LIAR),
                words.pop("address", ADDRESSES[LIAR]),
                Certified(certified, 2e9),
                session="another",
            )
            self.world.run(5)
            if why is not None:
                assert why in str(agent.refusals), agent.refusals
            agent.hang_up()
            self.require_no_blink()
        assert self.world.control.configuration.nodes[A].address == ADDRESSES[A]

    def test_the_address_of_a_node_without_anything(self) -> None:
        """An idle node does not give way to another as long as its own agent is there."""
        idle = "cccccccc-0000-4000-8000-0000000000ff"
        ADDRESSES[idle] = "10.0.0.9"
        agent = self.agent(idle)
        self.world.run(5)
        thief = FakeAgent(self.world, LIAR, "10.0.0.9", Certified(LIAR, 2e9), session=LIAR)
        self.world.run(5)
        assert "whose agent is connected" in str(thief.refusals)
        assert idle in self.world.control.configuration.nodes
        agent.hang_up()


def test_everything_is_played() -> None:
    """Whatever an agent can report of is lied about above."""
    played = {"datasets", "containers", "moves", "images", "ports", "kept", "set_aside"}
    played |= {"adoptions", "machine", "replications"}
    assert played == set(NodeState.__dataclass_fields__)
