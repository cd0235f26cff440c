"""Whom the control service believes, row by row."""

from __future__ import annotations

from dataclasses import replace

from pyrsistent import pmap

from flocker_lite.control.grants import Evidence, Judgement, judge
from flocker_lite.model.grants import EPOCH_MAX, Signed, Statement
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import Configuration, Dataset, Grant, Move, Node, NodeId, PastMove
from flocker_lite.model.state import DatasetState
from flocker_lite.testing.memory_signer import MemoryAuthority

A, B, C = "a", "b", "c"
D = "d"
CLUSTER = "cluster"
AUTHORITY = MemoryAuthority()
SIGNERS = {node_id: AUTHORITY.signer(node_id) for node_id in (A, B, C)}
CONTROL = AUTHORITY.signer()

PRIMARY = Role.PRIMARY
OLD = Configuration(
    nodes=pmap({name: Node(name, f"10.0.0.{number}") for number, name in enumerate("abc", 1)}),
    datasets=pmap({D: Dataset(D, A)}),
    grants=pmap({D: Grant(A, 1, materialised=True)}),
)
"""A cluster whose agents sign nothing."""

NEW = replace(OLD, nodes=pmap({key: replace(node, signs=True) for key, node in OLD.nodes.items()}))
"""The same, once they do."""


NOBODY: dict[str, DatasetState] = {}


def sent(configuration: Configuration, where: NodeId) -> Configuration:
    """A user wants the dataset there."""
    return replace(configuration, datasets=pmap({D: Dataset(D, where)}))


def release(source: NodeId, owner: NodeId, epoch: int) -> Signed:
    """A release, signed."""
    return SIGNERS[source].sign(Statement(CLUSTER, D, owner, epoch, source, "g"))


def has(role: Role, epoch: int, *proof: Signed, peer: NodeId | None = None) -> DatasetState:
    """A node's report of its copy."""
    seconds = 30 if role is Role.LENT else None
    return DatasetState(D, Lease(role, epoch, peer, seconds), proof=proof)


def judged(configuration: Configuration, *away: NodeId, **reports: DatasetState) -> Judgement:
    """What these reports come to, while these nodes' agents are away."""
    evidence = Evidence(CONTROL.rejection_reason, away.__contains__, CLUSTER)
    return judge(configuration, D, pmap(reports), evidence)


def owner(configuration: Configuration, **reports: DatasetState) -> tuple[NodeId, int]:
    """Who owns the dataset then; nobody claims it."""
    judgement = judged(configuration, **reports)
    assert judgement.claims == ()
    assert judgement.grant is not None
    return judgement.grant.owner, judgement.grant.epoch


def reason(configuration: Configuration, **reports: DatasetState) -> str:
    """Why the claim of the one claimant is not believed; the grant stays."""
    judgement = judged(configuration, **reports)
    assert judgement.grant == configuration.grants[D]
    [claim] = judgement.claims
    return claim.reason


def test_out_of_nothing() -> None:
    """A node that says that the dataset is its own is not believed, whatever it says besides."""
    for configuration in (OLD, NEW):
        for epoch in (2, 99, EPOCH_MAX, EPOCH_MAX + 1, 10**30):
            for role, peer in (
                (PRIMARY, None),
                (Role.RELEASING, A),
                (Role.LENT, A),
            ):
                held = has(role, epoch + (role is Role.LENT), peer=peer)
                for others in (NOBODY, {"a": has(PRIMARY, 1)}, {"a": has(Role.REPLICA, 1)}):
                    assert reason(configuration, b=held, **others)


def test_the_same_epoch() -> None:
    """It is that of its owner; an older one is old news."""
    assert "10.0.0.1" in reason(OLD, b=has(PRIMARY, 1))
    later = replace(OLD, grants=pmap({D: Grant(A, 5, materialised=True)}))
    assert owner(later, b=has(PRIMARY, 4)) == (A, 5)


def test_a_signed_release() -> None:
    """It is all that is needed, whatever is configured meanwhile and whoever is away."""
    proof = release(A, B, 2)
    assert owner(NEW, b=has(PRIMARY, 2, proof)) == (B, 2)
    assert owner(NEW, a=has(Role.REPLICA, 2), b=has(Role.RELEASING, 2, proof, peer=C)) == (B, 2)
    # Its releaser has it, too: for a node of an earlier release, which keeps none.
    assert owner(NEW, a=has(Role.REPLICA, 2, proof), b=has(PRIMARY, 2)) == (B, 2)
    assert owner(NEW, a=has(Role.REPLICA, 2, proof)) == (B, 2)


def test_released_and_not_acquired() -> None:
    """The owner has still to tell the other node: the grant stays until that has it."""
    proof = release(A, B, 2)
    for there in (has(Role.REPLICA, 1), has(Role.PROBATION, 2)):
        assert owner(NEW, a=has(Role.RELEASED, 2, proof, peer=B), b=there) == (A, 1)


def test_a_chain() -> None:
    """What happened while the control service was away, or since its backup."""
    chain = (release(A, B, 2), release(B, C, 3))
    assert owner(NEW, c=has(PRIMARY, 3, *chain)) == (C, 3)
    assert owner(NEW, b=has(Role.REPLICA, 3, *chain)) == (C, 3)
    assert owner(NEW, b=has(Role.REPLICA, 3, chain[0]), c=has(PRIMARY, 3, chain[1])) == (C, 3)
    assert "epoch 3" in reason(NEW, c=has(PRIMARY, 3, chain[1]))


def test_a_signed_grant() -> None:
    """One that the control service signed proves by itself."""
    grant = CONTROL.sign(Statement(CLUSTER, D, B, 9))
    assert owner(NEW, a=has(PRIMARY, 7), b=has(PRIMARY, 9, grant)) == (B, 9)
    assert owner(NEW, c=has(PRIMARY, 10, grant, release(B, C, 10))) == (C, 10)


def test_a_release_that_is_not_good() -> None:
    """By a revoked certificate, of another dataset, of another's name: it is said which."""
    authority = MemoryAuthority()
    signer = authority.signer(A)
    proof = signer.sign(Statement(CLUSTER, D, B, 2, A, "g"))
    evidence = Evidence(authority.rejection_reason, lambda _: False, CLUSTER)
    reports = pmap({B: has(PRIMARY, 2, proof)})
    assert judge(NEW, D, reports, evidence).claims == ()
    authority.revoked.add(signer.certificate)
    [claim] = judge(sent(NEW, B), D, reports, evidence).claims
    assert "was revoked" in claim.reason
    other = SIGNERS[A].sign(Statement(CLUSTER, "e", B, 2, A, "g"))
    mine = SIGNERS[B].sign(Statement(CLUSTER, D, B, 2, A, "g"))
    elsewhere = SIGNERS[A].sign(Statement("another cluster", D, B, 2, A, "g"))
    for bad in (other, mine, elsewhere, release(B, B, 2)):
        assert reason(sent(NEW, B), b=has(PRIMARY, 2, bad))


def test_what_the_owner_reports() -> None:
    """That it released this epoch to this node is believed without a signature."""
    said = has(Role.RELEASED, 2, peer=B)
    for configuration in (OLD, NEW):
        assert owner(configuration, a=said, b=has(PRIMARY, 2)) == (B, 2)
        assert "10.0.0.1" in reason(configuration, a=said, c=has(PRIMARY, 2))
        assert "10.0.0.1" in reason(configuration, a=said, b=has(PRIMARY, 3))


def test_sent_by_the_configuration() -> None:
    """That is enough of an owner that signs nothing, and of no other."""
    there = has(PRIMARY, 2)
    assert owner(sent(OLD, B), b=there) == (B, 2)
    assert "signed no release" in reason(sent(NEW, B), b=there)
    assert "does not send it" in reason(OLD, b=there)
    assert "does not send it" in reason(sent(OLD, B), c=there)
    assert "lead from there to epoch 3" in reason(sent(OLD, B), b=has(PRIMARY, 3))


def test_sent_while_the_owner_has_it() -> None:
    """The destination of a move is not given what was not released, unless its owner is gone."""
    there = has(PRIMARY, 2)
    for here in (
        has(PRIMARY, 1),
        has(Role.RELEASING, 1, peer=B),
        has(Role.LENT, 2, peer=B),
    ):
        assert "holds it" in reason(sent(OLD, B), a=here, b=there)
        away = judged(sent(OLD, B), A, a=here, b=there)
        assert away.grant == Grant(B, 2, materialised=True)


def test_sent_meanwhile_elsewhere() -> None:
    """A move that was called off too late had the very grant that the dataset still has."""
    move = Move("m", A, B, 0.0, None, (D,))
    there = has(PRIMARY, 2)
    under_way = replace(OLD, moves=pmap({"m": move}))
    assert owner(under_way, b=there) == (B, 2)

    def called_off(epoch: int) -> Configuration:
        past = PastMove(move, "cancelled", 1.0, pmap({D: epoch}))
        return replace(OLD, past_moves=pmap({"m": past}))

    assert owner(called_off(1), b=there) == (B, 2)
    assert "does not send it" in reason(called_off(0), b=there)


def test_an_owner_that_was_upgraded_after_it_had_released() -> None:
    """It has nothing signed to show; that its copy is a replica of that very epoch is its word."""
    handed_over = has(Role.REPLICA, 2)
    assert owner(sent(NEW, B), a=handed_over, b=has(PRIMARY, 2)) == (B, 2)
    assert "does not send it" in reason(sent(NEW, B), a=handed_over, c=has(PRIMARY, 2))
    # One that did sign says whom it meant.
    signed = has(Role.RELEASED, 2, release(A, B, 2), peer=B)
    assert "released it to 10.0.0.2" in reason(sent(NEW, C), a=signed, c=has(PRIMARY, 2))


def test_a_later_epoch_of_its_own() -> None:
    """The owner is believed: it gives away nothing but what is its own."""
    assert owner(NEW, a=has(PRIMARY, 7)) == (A, 7)
    assert reason(NEW, a=has(PRIMARY, EPOCH_MAX + 1))
    # Unless it has signed that it gave it away.
    gone = has(Role.REPLICA, 1, release(A, B, 2))
    assert "released the dataset to 10.0.0.2" in reason(NEW, a=has(PRIMARY, 7), c=gone)


def test_the_truth_beside_a_lie() -> None:
    """A claim does not keep the grant from who can show that it is its own."""
    judgement = judged(NEW, b=has(PRIMARY, 2, release(A, B, 2)), c=has(PRIMARY, 99))
    assert judgement.grant == Grant(B, 2, materialised=True)
    assert [claim.node_id for claim in judgement.claims] == [C]


def test_never_made_in_place_of_what_somebody_has() -> None:
    """Once its owner has it, or who can show that it was given to it, none is made anew."""
    fresh = replace(NEW, grants=pmap({D: Grant(A)}))
    assert judged(fresh, a=has(PRIMARY, 1)).grant == Grant(A, 1, materialised=True)
    proof = CONTROL.sign(Statement(CLUSTER, D, B, 9))
    assert judged(fresh, b=has(Role.RELEASED, 10, proof, peer=C)).grant == Grant(B, 9, True)
    assert judged(fresh, b=has(Role.REPLICA, 1, release(A, B, 1))).grant == Grant(A, 1, True)


def test_who_only_says_that_it_has_a_copy() -> None:
    """It is in the way for as long as it says so, which is shown; nothing of it is for ever."""
    fresh = replace(NEW, grants=pmap({D: Grant(A)}))
    for state in (
        has(Role.REPLICA, 1),
        has(PRIMARY, 99),
        has(Role.REPLICA, 1, release(B, B, 1)),
        has(Role.REPLICA, 0, release(A, C, 1)),
    ):
        judgement = judged(fresh, b=state)
        assert judgement.grant == Grant(A)
        assert [claim.node_id for claim in judgement.claims] == [B]
    assert "no empty dataset is created on 10.0.0.1" in reason(fresh, b=has(Role.REPLICA, 1))
    assert judged(fresh, b=DatasetState(D, None, error="no pool")) == Judgement(Grant(A))
    assert judged(NEW, b=has(Role.REPLICA, 1)).claims == ()


def test_without_certificates() -> None:
    """Whoever reaches the port can be any node: what is reported is believed, up to a number."""
    reports = pmap({B: has(PRIMARY, 99)})
    assert judge(OLD, D, reports, Evidence()).grant == Grant(B, 99, materialised=True)
    beyond = pmap({B: has(PRIMARY, 10**30)})
    assert judge(OLD, D, beyond, Evidence()) == Judgement(OLD.grants[D])


def test_a_dataset_that_is_not_configured() -> None:
    """There is nothing to be granted."""
    assert judged(Configuration(), b=has(PRIMARY, 99)) == Judgement()
