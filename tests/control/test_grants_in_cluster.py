"""Moves of honest nodes never end as claims: between releases, over restarts, after backups."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.control.service import STATE_SECONDS_MAX
from flocker_lite.errors import CommandTimedOut
from flocker_lite.model import edits
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import Grant
from flocker_lite.model.settling import settle_dataset
from flocker_lite.model.state import Claim
from flocker_lite.testing.cluster import MemoryCluster, MemoryNode

D1, D2 = (f"dddddddd-0000-4000-8000-00000000000{number}" for number in (1, 2))
SETTLE_SECONDS = 60.0


class GrantsCase(SynchronousTestCase):
    """A container with its data on the first of two nodes, in a cluster with certificates."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(2)
        self.one, self.two = self.cluster.nodes

    def start(self, *old: MemoryNode) -> None:
        """Start; the `old` nodes have a release that signs nothing and keeps no proofs."""
        for node in old:
            node.signer = None
            self.cluster.network.without_proofs.add(node.node_id)
        self.cluster.start()
        self.cluster.configure("shop", D1, self.one)
        self.cluster.run(SETTLE_SECONDS)

    def upgrade(self, node: MemoryNode) -> None:
        """From now on it signs."""
        assert self.cluster.authority is not None
        self.cluster.stop_agent(node)
        node.signer = self.cluster.authority.signer(node.node_id)
        self.cluster.network.without_proofs.discard(node.node_id)
        self.cluster.start_agent(node)

    def want(self, node: MemoryNode) -> None:
        """A user wants it there."""
        self.cluster.edit(lambda c: edits.move_container(c, "shop", node.node_id))

    def restart_control(self) -> None:
        """The control service is started anew, and all agents find it."""
        if self.cluster.control is not None:
            self.cluster.stop_control()
        self.cluster.start_control()
        self.cluster.run(SETTLE_SECONDS)

    @property
    def claims(self) -> tuple[Claim, ...]:
        """What is claimed of the dataset."""
        assert self.cluster.control is not None
        return self.cluster.control.cluster.claims.get(D1, ())

    @property
    def grant(self) -> Grant:
        """Whose it is."""
        return self.cluster.disk.configuration.grants[D1]

    def require_at(self, node: MemoryNode, epoch: int) -> None:
        """It runs there, alone; it is granted there, and nobody claims it."""
        assert self.claims == ()
        assert self.grant == Grant(node.node_id, epoch, materialised=True)
        assert node.storage.copies[D1].local.lease == Lease(Role.PRIMARY, epoch)
        for each in self.cluster.nodes:
            assert set(each.containers.processes) == ({"shop"} if each is node else set())


class ReleasesTests(GrantsCase):
    """Nodes of different releases, in either role."""

    def moves_to_and_fro(self, *old: MemoryNode) -> None:
        """Each move is done."""
        self.start(*old)
        for epoch, node in enumerate((self.two, self.one, self.two), 2):
            self.want(node)
            self.cluster.run(SETTLE_SECONDS)
            self.require_at(node, epoch)

    def test_all_sign(self) -> None:
        """The owner has one statement, by the control service; who was it before has nothing."""
        self.moves_to_and_fro()
        [link] = self.two.chains.known[D1]
        assert (link.statement.owner, link.statement.epoch) == (self.two.node_id, 4)
        assert link.statement.released_by is None
        assert self.one.chains.known == {}

    def test_none_signs(self) -> None:
        """The configuration decides."""
        self.moves_to_and_fro(self.one, self.two)
        assert self.two.chains.known == {}

    def test_one_signs(self) -> None:
        """What it releases it shows itself; what it gets, the other says."""
        self.moves_to_and_fro(self.one)

    def test_the_other_signs(self) -> None:
        """The same the other way round."""
        self.moves_to_and_fro(self.two)

    def test_upgraded_right_after_it_had_handed_over(self) -> None:
        """Nobody has anything that is signed; that its copy is a replica since is its word."""
        self.start(self.one, self.two)

        async def cut(source: str, target: str, method: str) -> None:
            if method == "acquire" and self.cluster.control is not None:
                self.cluster.stop_control()

        self.cluster.network.before = cut
        self.want(self.two)
        self.cluster.run(SETTLE_SECONDS)
        assert self.one.storage.copies[D1].local.lease == Lease(Role.REPLICA, 2)
        for node in self.cluster.nodes:
            self.upgrade(node)
        self.restart_control()
        assert all(node.signs for node in self.cluster.disk.configuration.nodes.values())
        self.require_at(self.two, 2)


class CutOffTests(GrantsCase):
    """Whatever is cut off in between."""

    def handed_over_unseen(self) -> None:
        """The dataset went from the first node to the second while nobody looked."""
        self.start()

        async def cut(source: str, target: str, method: str) -> None:
            if method == "acquire":
                for node in self.cluster.nodes:
                    self.cluster.cut_control(node)

        self.cluster.network.before = cut
        self.want(self.two)
        self.cluster.run(SETTLE_SECONDS)
        assert self.two.storage.copies[D1].local.lease == Lease(Role.PRIMARY, 2)
        assert self.grant == Grant(self.one.node_id, 1, materialised=True)

    def test_control_away(self) -> None:
        """Each of the two shows what was signed, when it comes back; the other may be away."""
        self.handed_over_unseen()
        self.cluster.cut_from_control.discard(self.two.node_id)
        self.cluster.run(SETTLE_SECONDS)
        self.require_at(self.two, 2)

    def test_only_the_releaser_is_back(self) -> None:
        """What it keeps says to whom it handed it over, and that it has arrived there."""
        self.handed_over_unseen()
        [link] = self.one.chains.known[D1][-1:]
        assert link.statement.owner == self.two.node_id
        self.cluster.cut_from_control.discard(self.one.node_id)
        self.cluster.run(SETTLE_SECONDS)
        self.require_at(self.two, 2)
        assert self.one.chains.known == {}

    def test_cut_off_before_it_signed(self) -> None:
        """It signs when it delivers."""
        self.start()
        write = self.one.chains.write
        failures = [CommandTimedOut(("write",), 0.0)]

        async def dies(dataset_id: str, links: tuple[object, ...]) -> None:
            if failures and len(links) > 1:
                self.one.chains.known.pop(dataset_id, None)
                error = failures.pop()
                self.cluster.clock.callLater(0, self.cluster.stop_agent, self.one)
                self.cluster.network.services.pop(self.two.node_id, None)
                raise error
            await write(dataset_id, links)  # type: ignore[arg-type]

        self.patch(self.one.chains, "write", dies)
        self.want(self.two)
        self.cluster.run(SETTLE_SECONDS)
        assert self.one.storage.copies[D1].local.lease == Lease(Role.RELEASED, 2, self.two.node_id)
        self.cluster.stop_agent(self.two)
        for node in self.cluster.nodes:
            self.cluster.start_agent(node)
        self.cluster.run(SETTLE_SECONDS)
        self.require_at(self.two, 2)

    def test_called_off_too_late(self) -> None:
        """The user wants it back before it is known that it went: it comes back."""
        self.handed_over_unseen()
        self.want(self.one)
        self.cluster.cut_from_control.clear()
        self.cluster.network.before = None
        self.cluster.run(2 * SETTLE_SECONDS)
        self.require_at(self.one, 3)

    def test_an_old_backup(self) -> None:
        """Whoever has it shows how it came there; it goes to where the backup wants it."""
        self.start()
        backup = replace(self.cluster.disk, in_use=False)
        for node in (self.two, self.one, self.two):
            self.want(node)
            self.cluster.run(SETTLE_SECONDS)
        self.cluster.stop_control()
        self.cluster.disk = backup
        self.restart_control()
        self.cluster.run(2 * SETTLE_SECONDS)
        self.require_at(self.one, 5)

    def test_a_backup_from_before_a_settlement(self) -> None:
        """The grant that was signed for it makes no second writer of who owned it before."""
        self.handed_over_unseen()
        backup = replace(self.cluster.disk, in_use=False)
        # Who released it is gone for good, and its certificate is revoked.
        assert self.one.signer is not None
        assert self.cluster.authority is not None
        self.cluster.authority.revoked.add(self.one.signer.certificate)
        self.cluster.cut_from_control.discard(self.two.node_id)
        self.cluster.run(SETTLE_SECONDS)
        [claim] = self.claims
        assert (claim.node_id, claim.epoch) == (self.two.node_id, 2)
        assert "revoked" in claim.reason
        assert set(self.two.containers.processes) == {"shop"}
        assert self.cluster.control is not None
        known = self.cluster.control.cluster.nodes
        self.cluster.edit(
            lambda c: settle_dataset(c, D1, self.two.node_id, 2, {self.two.node_id: 2}, known)
        )
        self.cluster.run(SETTLE_SECONDS)
        self.require_at(self.two, 2)
        [link] = self.two.chains.known[D1]
        assert link.statement.released_by is None
        self.cluster.stop_control()
        self.cluster.disk = backup
        self.restart_control()
        self.require_at(self.two, 2)

    def test_a_claim_stops_nothing(self) -> None:
        """What runs goes on while it is not settled, whatever is wanted, and for how long."""
        self.handed_over_unseen()
        assert self.one.signer is not None
        assert self.cluster.authority is not None
        self.cluster.authority.revoked.add(self.one.signer.certificate)
        self.want(self.one)
        self.cluster.cut_from_control.discard(self.two.node_id)
        self.cluster.run(STATE_SECONDS_MAX + SETTLE_SECONDS)
        assert len(self.claims) == 1
        assert set(self.two.containers.processes) == {"shop"}
        assert self.two.storage.copies[D1].local.mounted

    def test_a_certificate_of_its_own_again(self) -> None:
        """After another authority, grants are signed anew, and moves go on."""
        self.start()
        authority = self.cluster.authority
        assert authority is not None
        old = set(authority._secrets)
        authority.revoked |= old
        for node in self.cluster.nodes:
            assert node.signer is not None
            node.signer.certificate = authority.signer(node.node_id).certificate
        self.restart_control()
        [link] = self.one.chains.known[D1]
        assert link.certificate not in old
        self.want(self.two)
        self.cluster.run(SETTLE_SECONDS)
        self.require_at(self.two, 2)
