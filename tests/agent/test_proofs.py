"""What a node signs and keeps of its datasets, in memory and in files."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from pyrsistent import pmap
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.agent.chains import FOLDER, ChainFiles
from flocker_lite.agent.proofs import Chains, Proofs
from flocker_lite.model.grants import CHAIN_MAX, Signed, Statement
from flocker_lite.model.records import Dataset, Grant, NodeId
from flocker_lite.model.state import DesiredDataset
from flocker_lite.testing.memory_chains import MemoryChains
from flocker_lite.testing.memory_signer import MemoryAuthority

A, B, C = "a", "b", "c"
D = "dddddddd-0000-4000-8000-00000000000d"
CLUSTER = "cluster"
AUTHORITY = MemoryAuthority()
CONTROL = AUTHORITY.signer()


def grant(owner: NodeId, epoch: int) -> Signed:
    """What the control service signs."""
    return CONTROL.sign(Statement(CLUSTER, D, owner, epoch))


def desired(owner: NodeId, epoch: int, signed: Signed | None = None) -> DesiredDataset:
    """What a node is told."""
    return DesiredDataset(Dataset(D, owner), Grant(owner, epoch, materialised=True), signed=signed)


class ProofsContract:
    """On either kind of chains; `chains` gives those that are there for the next agent."""

    def chains(self) -> Chains:
        """What outlives an agent."""
        raise NotImplementedError

    def proofs(self, me: NodeId, chains: Chains | None = None) -> Proofs:
        """Those of an agent that starts."""
        return Proofs(me, chains or self.chains(), AUTHORITY.signer(me), lambda: CLUSTER)

    def released(self, proofs: Proofs, destination: NodeId, epoch: int) -> tuple[Signed, ...]:
        """What is handed over with the dataset."""
        return done(proofs.release(destination, {D: (epoch, "guid")}))[D]

    def test_from_node_to_node(self) -> None:
        """A release is signed once, and kept; who gets the dataset adds the next one to it."""
        chains = self.chains()
        first = self.proofs(A, chains)
        [link] = chain = self.released(first, B, 2)
        assert link.statement == Statement(CLUSTER, D, B, 2, A, "guid")
        assert AUTHORITY.rejection_reason(link) is None
        assert self.released(first, B, 2) == chain
        assert self.proofs(A, chains).of(D) == chain
        second = self.proofs(B, MemoryChains())
        done(second.take({D: chain}))
        passed_on = self.released(second, C, 3)
        assert [each.statement.released_by for each in passed_on] == [A, B]
        assert passed_on[0] == link

    def test_another_release_of_the_same_epoch(self) -> None:
        """It takes the place of one that was never handed over."""
        proofs = self.proofs(A)
        self.released(proofs, B, 2)
        [link] = self.released(proofs, C, 2)
        assert link.statement.owner == C

    def test_what_is_not_for_this_node(self) -> None:
        """Nothing of it is kept: it leads elsewhere, is of another dataset, or has no end."""
        proofs, [link] = self.proofs(C), self.released(self.proofs(A), B, 2)
        other = replace(link, statement=replace(link.statement, owner=C, dataset_id="other"))
        mine = replace(link, statement=replace(link.statement, owner=C))
        for chain in ((), (link,), (other,), (other, mine), (mine,) * (CHAIN_MAX + 1)):
            done(proofs.take({D: chain}))
            assert proofs.of(D) == ()

    def test_a_signed_grant(self) -> None:
        """It takes the place of what was before it, and of nothing that came after it."""
        chains = self.chains()
        proofs = self.proofs(B, chains)
        done(proofs.take({D: self.released(self.proofs(A, MemoryChains()), B, 2)}))
        signed = grant(B, 2)
        proofs.apply_grants([D], {D: desired(B, 2, signed)}, {D})
        assert proofs.of(D) == self.proofs(B, chains).of(D) == (signed,)
        after = self.released(proofs, C, 3)
        assert after[0] == signed
        proofs.apply_grants([D], {D: desired(B, 2, signed)}, {D})
        assert proofs.of(D) == after

    def test_somebody_elses_grant(self) -> None:
        """It is not kept, nor is one of what is not here."""
        proofs = self.proofs(B)
        proofs.apply_grants([D], {D: desired(B, 2, grant(C, 2))}, {D})
        proofs.apply_grants([D], {D: desired(B, 2, grant(B, 2))}, ())
        assert proofs.of(D) == ()

    def test_kept_until_the_grant_has_moved(self) -> None:
        """Who released it shows that until the control service knows, and then no longer."""
        chains = self.chains()
        proofs = self.proofs(A, chains)
        chain = self.released(proofs, B, 2)
        proofs.apply_all_grants({D: desired(A, 1)}, {D})
        proofs.apply_all_grants({}, {D})
        assert proofs.of(D) == chain
        proofs.apply_grants([D], {D: desired(B, 2)}, {D})
        assert proofs.of(D) == self.proofs(A, chains).of(D) == ()

    def test_nothing_is_here_any_more(self) -> None:
        """Of what was destroyed, and nobody speaks of, nothing is kept."""
        proofs = self.proofs(A)
        self.released(proofs, B, 2)
        proofs.apply_all_grants({}, ())
        assert proofs.of(D) == ()

    def test_without_certificates(self) -> None:
        """Nothing is signed, and what others signed is passed on."""
        proofs = Proofs(B, self.chains())
        assert not proofs.signs
        assert self.released(proofs, C, 3) == ()
        chain = self.released(self.proofs(A, MemoryChains()), B, 2)
        done(proofs.take({D: chain}))
        assert self.released(proofs, C, 3) == chain


def at_once(function: Any, *arguments: Any) -> Deferred[Any]:
    """A thread that takes no time."""
    return maybeDeferred(function, *arguments)


def done(awaitable: Any) -> Any:
    """Its result, which must be there."""
    results: list[Any] = []

    async def wait() -> Any:
        return await awaitable

    Deferred.fromCoroutine(wait()).addCallback(results.append)
    [result] = results
    return result


class MemoryProofsTests(ProofsContract, SynchronousTestCase):
    """As the simulation has them."""

    def chains(self) -> Chains:
        """See ProofsContract."""
        return MemoryChains()


class FileProofsTests(ProofsContract, SynchronousTestCase):
    """In files; and what may be wrong with these."""

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.directory = Path(temporary.name) / "state"

    def chains(self) -> Chains:
        """See ProofsContract."""
        return ChainFiles(self.directory, at_once)

    @property
    def files(self) -> list[str]:
        """Their names."""
        return sorted(path.name for path in (self.directory / FOLDER).iterdir())

    def proofs(self, me: NodeId, chains: Chains | None = None) -> Proofs:
        """What is on disk is what the next agent finds."""
        if isinstance(chains, ChainFiles):
            chains = self.chains()
        return super().proofs(me, chains)

    def test_one_file_for_each(self) -> None:
        """It is gone when there is nothing to keep."""
        proofs = self.proofs(A)
        self.released(proofs, B, 2)
        assert self.files == [f"{D}.json"]
        proofs.apply_grants([D], {D: desired(B, 2)}, {D})
        assert self.files == []

    def test_damaged(self) -> None:
        """The agent starts without that one file, which is kept for a person to look at."""
        self.released(self.proofs(A), B, 2)
        (self.directory / FOLDER / f"{D}.json").write_text("{")
        assert self.chains().known == {}
        assert self.files == [f"{D}.damaged"]
        proofs = self.proofs(A, self.chains())
        [link] = self.released(proofs, B, 2)
        assert self.chains().known == {D: (link,)}

    def test_no_room(self) -> None:
        """The dataset is handed over nevertheless: what is signed travels with it."""

        def full(*_: object) -> Deferred[Any]:
            raise OSError(28, "No space left on device")

        proofs = Proofs(
            A,
            ChainFiles(self.directory, lambda *args: maybeDeferred(full, *args)),
            AUTHORITY.signer(A),
            lambda: CLUSTER,
        )
        [link] = self.released(proofs, B, 2)
        assert proofs.of(D) == (link,)

    def test_many_at_once(self) -> None:
        """The last that was to be kept of a dataset is what is kept."""
        waiting: list[tuple[Any, tuple[Any, ...], Deferred[None]]] = []

        def later(function: Any, *arguments: Any) -> Deferred[Any]:
            ended: Deferred[Any] = Deferred()
            waiting.append((function, arguments, ended))
            return ended

        files = ChainFiles(self.directory, later)
        links = [grant(A, epoch) for epoch in (1, 2, 3)]
        for link in links:
            Deferred.fromCoroutine(files.write(D, (link,)))
        while waiting:
            function, arguments, ended = waiting.pop(0)
            function(*arguments)
            ended.callback(None)
        assert files.known == self.chains().known == pmap({D: (links[-1],)})
