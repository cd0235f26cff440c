"""Where a chain of signed statements leads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from flocker_lite.model.grants import (
    CHAIN_MAX,
    EPOCH_MAX,
    Path,
    Signed,
    Statement,
    continued,
    followed,
)
from flocker_lite.model.records import Grant, NodeId

A, B, C, X = "a", "b", "c", "x"
KNOWN = Grant(A, 1, materialised=True)


def release(source: NodeId, owner: NodeId, epoch: int, guid: str = "g") -> Signed:
    """What `source` signs when it releases the dataset."""
    return Signed(Statement("cluster", "d", owner, epoch, source, guid), source, "good")


def grant(owner: NodeId, epoch: int) -> Signed:
    """What the control service signs."""
    return Signed(Statement("cluster", "d", owner, epoch), "control", "good")


def forged(link: Signed) -> Signed:
    """The same, by somebody else."""
    return replace(link, signature="bad")


def path(links: Iterable[Signed], known: Grant = KNOWN, arrived: bool = True) -> Path:
    """Where they lead."""
    return followed(known, links, lambda link: link.signature == "good", lambda _: arrived)


def owner(links: Iterable[Signed], known: Grant = KNOWN) -> tuple[NodeId, int]:
    """Whose the dataset is then, and as of which epoch."""
    found = path(links, known).grant
    return found.owner, found.epoch


def test_link_by_link() -> None:
    """Each release is by who owned it then; the order in which they come is no matter."""
    chain = [release(A, B, 2), release(B, C, 3), release(C, A, 4)]
    assert owner(chain) == owner(reversed(chain)) == (A, 4)
    assert owner(chain[:2]) == (C, 3)
    assert owner([]) == (A, 1)


def test_a_promotion_names_its_snapshot() -> None:
    """The control service says from which snapshot; one that was handed over is none of that."""
    promotion = Signed(Statement("cluster", "d", B, 3, guid="g"), "control", "good")
    assert path([promotion]).grant == Grant(B, 3, True, "g")
    assert path([release(A, B, 2, "g")]).grant == Grant(B, 2, True)
    assert path([promotion, release(B, C, 4, "h")]).grant == Grant(C, 4, True)


def test_what_leads_nowhere() -> None:
    """What is forged, by nobody who owned it, old, or beyond all numbers."""
    for link in (
        forged(release(A, X, 2)),
        release(X, X, 99),
        release(B, X, 2),
        release(A, X, 1),
        release(A, X, EPOCH_MAX + 1),
        forged(grant(X, 99)),
        grant(X, 1),
    ):
        assert path([link]) == Path(KNOWN), link


def test_a_missing_link() -> None:
    """What comes after it is not believed: who signed it may not have owned the dataset."""
    assert owner([release(B, C, 3)]) == (A, 1)
    assert owner([release(A, B, 2), release(C, X, 4)]) == (B, 2)


def test_a_signed_grant_stands_for_what_was_before() -> None:
    """It shortens the chain to what came after it."""
    assert owner([grant(B, 7)]) == (B, 7)
    assert owner([grant(B, 7), release(B, C, 8)]) == (C, 8)
    assert owner([release(A, X, 2), grant(B, 7)]) == (B, 7)


def test_released_and_not_arrived() -> None:
    """The grant stays: who released it has still to tell. To whom it goes is known."""
    assert path([release(A, B, 2)], arrived=False) == Path(KNOWN, B)
    # Who released it has had it.
    passed_on = path([release(A, B, 2), release(B, C, 3)], arrived=False)
    assert passed_on == Path(Grant(B, 2, materialised=True), C)
    # The control service grants to who has it.
    assert path([grant(B, 2)], arrived=False) == Path(Grant(B, 2, materialised=True))


def test_signed_twice() -> None:
    """Of two releases of one epoch one counts, always the same one."""
    twice = [release(A, B, 2), release(A, C, 2)]
    assert owner(twice) == owner(reversed(twice)) == (B, 2)
    assert owner([*twice, release(C, X, 3)]) == (B, 2)


LINKS = st.builds(release, st.sampled_from("abc"), st.sampled_from("abcx"), st.integers(1, 9))


@given(st.lists(LINKS), st.lists(LINKS.map(forged)))
def test_who_never_released_it_keeps_it(good: list[Signed], bad: list[Signed]) -> None:
    """Whatever others sign, and whatever is forged: it takes a signature of the owner."""
    others = [link for link in good if link.statement.released_by != A]
    assert path([*others, *bad]) == Path(KNOWN)


@given(st.lists(LINKS, max_size=8), st.lists(LINKS.map(forged)), st.permutations(range(8)))
def test_what_is_forged_changes_nothing(
    good: list[Signed], bad: list[Signed], order: list[int]
) -> None:
    """Nor does the order of what is good; the epoch only ever goes up."""
    shuffled = [good[number] for number in order if number < len(good)]
    assert owner([*bad, *shuffled]) == owner(good)
    assert path(good).grant.epoch >= KNOWN.epoch


@given(st.lists(LINKS | st.builds(grant, st.sampled_from("abc"), st.integers(1, 9)), max_size=12))
def test_a_chain_has_an_end(links: list[Signed]) -> None:
    """One statement for each epoch, in order, and not too many of them; the newest is in it."""
    chain: tuple[Signed, ...] = ()
    for link in links:
        chain = continued(chain, link)
        assert chain[-1] == link
    epochs = [link.statement.epoch for link in chain]
    assert epochs == sorted(set(epochs))
    assert len(epochs) <= CHAIN_MAX
