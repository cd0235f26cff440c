"""Users' leases of datasets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from pyrsistent import pmap

from flocker_lite.errors import Conflict, NotFound
from flocker_lite.model import edits
from flocker_lite.model.records import (
    Configuration,
    Container,
    Dataset,
    Edit,
    Grant,
    Node,
    UserLease,
    Volume,
)
from flocker_lite.model.user_leases import current_lease, held_container, held_dataset

A, B = (f"{letter * 8}-0000-4000-8000-000000000000" for letter in "ab")
D1, D2 = (f"dddddddd-0000-4000-8000-00000000000{number}" for number in (1, 2))
NOW = 1000.0


def built(*steps: Callable[[Configuration], Edit]) -> Configuration:
    """Two nodes, two datasets on the first one, and what these steps do."""
    return edits.in_turn(
        Configuration(),
        lambda c: edits.announce_node(c, Node(A, "10.0.0.1")),
        lambda c: edits.announce_node(c, Node(B, "10.0.0.2")),
        lambda c: edits.create_dataset(c, Dataset(D1, A)),
        lambda c: edits.create_dataset(c, Dataset(D2, A)),
        *steps,
    ).configuration


def leased(
    where: str = A, expires_at: float | None = None, dataset_id: str = D1
) -> Callable[[Configuration], Edit]:
    """A step that leases a dataset."""
    lease = UserLease(dataset_id, where, expires_at)
    return lambda configuration: edits.acquire_lease(configuration, lease, NOW)


def test_acquire() -> None:
    """A lease is kept under its dataset, with its node's UUID."""
    assert built(leased("10.0.0.1")).leases == pmap({D1: UserLease(D1, A)})


def test_renew() -> None:
    """The same node may renew it; the new expiry counts, earlier or later."""
    configuration = built(leased(expires_at=NOW + 9), leased(expires_at=NOW + 5))
    assert configuration.leases[D1].expires_at == NOW + 5


def test_acquire_refusals() -> None:
    """One node at a time; the dataset and the node must be there, and the dataset not deleted."""
    with pytest.raises(Conflict, match=r"^Lease already held\.$"):
        leased(B)(built(leased(A)))
    with pytest.raises(edits.UnknownNode):
        leased("10.0.0.9")(built())
    with pytest.raises(NotFound, match=r"^Dataset not found\.$"):
        leased(dataset_id="x")(built())
    with pytest.raises(edits.AlreadyDeleted):
        leased()(built(lambda c: edits.delete_dataset(c, D1)))


def test_over() -> None:
    """A lease that has ended is none: another node may have it, and it cannot be released."""
    configuration = built(leased(A, NOW))
    assert current_lease(configuration, D1, NOW) is None
    with pytest.raises(NotFound, match=r"^Lease not found\.$"):
        edits.release_lease(configuration, D1, NOW)
    assert leased(B)(configuration).configuration.leases[D1].node == B


def test_release() -> None:
    """A lease is released once."""
    configuration = edits.release_lease(built(leased()), D1, NOW).configuration
    assert not configuration.leases
    with pytest.raises(NotFound):
        edits.release_lease(configuration, D1, NOW)


def test_drop() -> None:
    """Only a lease that is over is dropped."""
    configuration = built(leased(expires_at=NOW + 1))
    assert edits.drop_lease_when_over(configuration, D1, NOW).changes == ()
    assert not edits.drop_lease_when_over(configuration, D1, NOW + 1).configuration.leases


def test_held() -> None:
    """A dataset that is leased where it is stays there, and is not deleted."""
    configuration = built(leased(), lambda c: edits.move_dataset(c, D1, B))
    assert held_dataset(configuration, configuration.datasets[D1]) == Dataset(D1, A)
    configuration = edits.delete_dataset(configuration, D1).configuration
    assert held_dataset(configuration, configuration.datasets[D1]) == Dataset(D1, A)
    assert held_dataset(configuration, configuration.datasets[D2]) == Dataset(D2, A)


def test_held_elsewhere() -> None:
    """A lease of the node where it is not yet holds it only when it has arrived."""
    configuration = built(leased(B), lambda c: edits.move_dataset(c, D1, B))
    assert held_dataset(configuration, configuration.datasets[D1]) == Dataset(D1, B)
    arrived = edits.set_grant(configuration, D1, Grant(B, 2, True)).configuration
    back = edits.move_dataset(arrived, D1, A).configuration
    assert held_dataset(back, back.datasets[D1]) == Dataset(D1, B)


def test_held_together() -> None:
    """One lease holds the container, and all the datasets that it uses."""
    web = Container("web", A, "nginx:latest", volumes=(Volume(D1, "/1"), Volume(D2, "/2")))
    configuration = built(
        leased(dataset_id=D2),
        lambda c: edits.create_container(c, web),
        lambda c: edits.move_container(c, "web", B),
    )
    moved = configuration.containers["web"]
    assert moved.node == B
    assert held_container(configuration, moved) == web
    for dataset_id in (D1, D2):
        held = held_dataset(configuration, configuration.datasets[dataset_id])
        assert held == Dataset(dataset_id, A)
    free = edits.release_lease(configuration, D2, NOW).configuration
    assert held_container(free, moved) == replace(web, node=B)
