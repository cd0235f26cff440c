"""What may be done to the configuration, and what always holds after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import pytest
from pyrsistent import pmap

from flocker_lite.errors import Conflict, FlockerError, NotFound
from flocker_lite.model import edits
from flocker_lite.model.records import (
    Change,
    Configuration,
    Container,
    Dataset,
    Edit,
    Grant,
    Link,
    Node,
    Port,
    Volume,
)

EditFunction: TypeAlias = Callable[[Configuration], Edit]

A, B, C = (f"{letter * 8}-0000-4000-8000-000000000000" for letter in "abc")
D1, D2 = (f"dddddddd-0000-4000-8000-00000000000{number}" for number in (1, 2))
ADDRESSES = {A: "10.0.0.1", B: "10.0.0.2", C: "fd00::3"}


def built(*steps: EditFunction) -> Configuration:
    """The configuration of three nodes after these steps."""
    configuration = Configuration()
    for node_id, address in ADDRESSES.items():
        configuration = edits.announce_node(configuration, Node(node_id, address)).configuration
    for step in steps:
        configuration = step(configuration).configuration
    return configuration


def dataset(dataset_id: str = D1, where: str = A) -> EditFunction:
    """A step that creates a dataset."""
    return lambda configuration: edits.create_dataset(configuration, Dataset(dataset_id, where))


def container(
    name: str = "web",
    where: str = A,
    volumes: tuple[Volume, ...] = (),
    ports: tuple[Port, ...] = (),
    links: tuple[Link, ...] = (),
) -> EditFunction:
    """A step that creates a container."""
    made = Container(name, where, "busybox:latest", ports=ports, volumes=volumes, links=links)
    return lambda configuration: edits.create_container(configuration, made)


def refused(
    kind: type[FlockerError], text: str, step: EditFunction, configuration: Configuration
) -> None:
    """The step raises this error, with this text."""
    with pytest.raises(kind) as caught:
        step(configuration)
    assert type(caught.value) is kind
    assert str(caught.value) == text


# Nodes


@pytest.mark.parametrize("where", [A, A.upper(), "10.0.0.1"])
def test_find_node(where: str) -> None:
    """A node is found by its UUID and by its address."""
    assert edits.find_node(built(), where) == A


@pytest.mark.parametrize("where", ["fd00::3", "FD00::3", "fd00:0:0::3"])
def test_find_node_ipv6(where: str) -> None:
    """An IPv6 address is found however it is written."""
    assert edits.find_node(built(), where) == C


@pytest.mark.parametrize("where", ["10.0.0.9", "", D1])
def test_find_no_node(where: str) -> None:
    """What names no node is refused."""
    with pytest.raises(edits.UnknownNode):
        edits.find_node(built(), where)


def test_announce_new_node() -> None:
    """A node that announces itself is part of the cluster."""
    edit = edits.announce_node(Configuration(), Node(A, "10.0.0.1"))
    assert edit.changes == (Change("nodes", A, Node(A, "10.0.0.1")),)
    assert edit.configuration.nodes == pmap({A: Node(A, "10.0.0.1")})


def test_announce_again() -> None:
    """Announcing what is known changes nothing."""
    configuration = built()
    assert edits.announce_node(configuration, Node(A, "10.0.0.1")) == Edit(configuration)


def test_announce_new_address() -> None:
    """A node may get another address; all that is on it stays on it."""
    configuration = built(dataset())
    edit = edits.announce_node(configuration, Node(A, "10.0.0.77"))
    assert edit.changes == (Change("nodes", A, Node(A, "10.0.0.77")),)


def test_announce_address_of_empty_node() -> None:
    """A node that never had anything gives its address away."""
    edit = edits.announce_node(built(dataset(where=A)), Node(D2, "10.0.0.2"))
    assert edit.changes == (Change("nodes", D2, Node(D2, "10.0.0.2")), Change("nodes", B, None))


def test_announce_address_of_used_node() -> None:
    """A node that has datasets, even deleted ones, keeps its address."""
    configuration = built(dataset(where=A), lambda c: edits.delete_dataset(c, D1))
    with pytest.raises(Conflict, match=f"10.0.0.1 is the address of node {A}"):
        edits.announce_node(configuration, Node(D2, "10.0.0.1"))


# Datasets


@pytest.mark.parametrize("where", [A, "10.0.0.1"])
def test_create_dataset(where: str) -> None:
    """A dataset comes with the grant of its primary, epoch 1, not materialised."""
    asked = Dataset(D1, where, pmap({"a": "b"}), 2**30)
    edit = edits.create_dataset(built(), asked)
    stored = Dataset(D1, A, pmap({"a": "b"}), 2**30)
    assert edit.changes == (Change("datasets", D1, stored), Change("grants", D1, Grant(A, 1)))


def test_create_dataset_twice() -> None:
    """An id is never used twice, not even that of a deleted dataset on another node."""
    text = "The provided dataset_id is already in use."
    configuration = built(dataset(where=A))
    refused(Conflict, text, dataset(where=B), configuration)
    deleted = edits.delete_dataset(configuration, D1).configuration
    refused(Conflict, text, dataset(where=B), deleted)


def test_create_dataset_nowhere() -> None:
    """A dataset needs a node of the cluster."""
    text = "The provided primary node is not part of the cluster."
    refused(edits.UnknownNode, text, dataset(where="10.0.0.9"), built())


def test_move_dataset() -> None:
    """A move changes where the primary should be; the grant waits for the handoff."""
    edit = edits.move_dataset(built(dataset()), D1, "10.0.0.2")
    assert edit.changes == (Change("datasets", D1, Dataset(D1, B)),)
    assert edit.configuration.grants[D1] == Grant(A)


def test_move_dataset_to_itself() -> None:
    """A move to where it is changes nothing."""
    configuration = built(dataset())
    assert edits.move_dataset(configuration, D1, A) == Edit(configuration)


def test_move_dataset_refusals() -> None:
    """A dataset must be there, not deleted, not in use, and the node must be known."""
    move = partial(edits.move_dataset, dataset_id=D1, where=B)
    refused(NotFound, "Dataset not found.", move, built())
    deleted = built(dataset(), lambda c: edits.delete_dataset(c, D1))
    refused(edits.AlreadyDeleted, "The dataset has been deleted.", move, deleted)
    in_use = built(dataset(), container(volumes=(Volume(D1, "/a"),)))
    text = "The dataset is being used by the container web: move the container instead."
    refused(Conflict, text, move, in_use)
    nowhere = partial(edits.move_dataset, dataset_id=D1, where="10.0.0.9")
    text = "The provided primary node is not part of the cluster."
    refused(edits.UnknownNode, text, nowhere, built(dataset()))


def test_a_node_where_there_are_none() -> None:
    """Who asks before any agent has come is told that."""
    with pytest.raises(edits.UnknownNode) as caught:
        edits.find_node(Configuration(), "10.0.0.9")
    assert "no agent has announced itself yet" in str(caught.value.facts)


def test_delete_dataset() -> None:
    """A deleted dataset keeps its record and its grant; deleting it again changes nothing."""
    edit = edits.delete_dataset(built(dataset()), D1)
    assert edit.changes == (Change("datasets", D1, Dataset(D1, A, deleted=True)),)
    assert edits.delete_dataset(edit.configuration, D1) == Edit(edit.configuration)


def test_delete_dataset_refusals() -> None:
    """A dataset must be there, and not in use."""
    delete = partial(edits.delete_dataset, dataset_id=D1)
    refused(NotFound, "Dataset not found.", delete, built())
    in_use = built(dataset(), container(volumes=(Volume(D1, "/a"),)))
    text = "The dataset is being used by the container web: delete the container first."
    refused(Conflict, text, delete, in_use)


def test_update_dataset() -> None:
    """Metadata and size change where it is; the node with them, or not."""
    configuration = built(dataset(), container(volumes=(Volume(D1, "/a"),)))

    def revise(old: Dataset) -> Dataset:
        return replace(old, metadata=pmap({"a": "b"}), maximum_size=2**30)

    edit = edits.update_dataset(configuration, D1, revise)
    assert edit.changes == (Change("datasets", D1, Dataset(D1, A, pmap({"a": "b"}), 2**30)),)


def test_purge_dataset() -> None:
    """A deleted dataset that nobody holds is forgotten, but for its id."""
    configuration = built(dataset(), lambda c: edits.delete_dataset(c, D1))
    edit = edits.purge_dataset(configuration, D1, (), ADDRESSES)
    assert edit.changes == (Change("datasets", D1, None),)
    text = "The provided dataset_id is already in use."
    refused(Conflict, text, dataset(), edit.configuration)
    purge = partial(edits.purge_dataset, dataset_id=D1, holders=(), reporting=ADDRESSES)
    refused(NotFound, "Dataset not found.", purge, edit.configuration)


def test_purge_dataset_refusals() -> None:
    """It must be deleted, no node may hold it, and no node may be away; placeholders are none."""
    purge = partial(edits.purge_dataset, dataset_id=D1)
    text = "Only a deleted dataset can be purged: delete it first."
    refused(Conflict, text, partial(purge, holders=(), reporting=ADDRESSES), built(dataset()))
    configuration = built(
        dataset(),
        lambda c: edits.delete_dataset(c, D1),
        lambda c: edits.expect_node(c, "10.0.0.77"),
    )
    text = "10.0.0.2 still has a copy of the dataset: wait until it is gone."
    refused(Conflict, text, partial(purge, holders=(B,), reporting=ADDRESSES), configuration)
    text = "fd00::3 is away, and may have a copy of the dataset: wait until its agent is back."
    refused(Conflict, text, partial(purge, holders=(), reporting=(A, B)), configuration)
    assert purge(configuration, holders=(), reporting=ADDRESSES).changes


# Containers


def test_create_container() -> None:
    """A container goes where the datasets of its volumes are."""
    volumes = (Volume(D1, "/a"), Volume(D2, "/b"))
    edit = container(where="10.0.0.1", volumes=volumes)(built(dataset(D1), dataset(D2)))
    stored = Container("web", A, "busybox:latest", volumes=volumes)
    assert edit.changes == (Change("containers", "web", stored),)


def test_create_container_name() -> None:
    """A name is unique in the cluster."""
    text = "The container name already exists."
    refused(Conflict, text, container(where=B), built(container(where=A)))


def test_create_container_nowhere() -> None:
    """A container needs a node of the cluster."""
    text = "The provided primary node is not part of the cluster."
    refused(edits.UnknownNode, text, container(where="10.0.0.9"), built())


def test_create_container_volumes() -> None:
    """A volume's dataset must be there, not deleted, on the same node, and free."""
    step = container(volumes=(Volume(D1, "/a"),))
    missing = "Dataset not found."
    refused(NotFound, missing, step, built())
    deleted = built(dataset(), lambda c: edits.delete_dataset(c, D1))
    refused(NotFound, missing, step, deleted)
    refused(Conflict, "The dataset is on another node.", step, built(dataset(where=B)))
    in_use = built(dataset(), container("other", volumes=(Volume(D1, "/b"),)))
    text = "The dataset is being used by another container."
    refused(Conflict, text, step, in_use)
    twice = container(volumes=(Volume(D1, "/a"), Volume(D1, "/b")))
    text = "A dataset can be only one of a container's volumes."
    refused(Conflict, text, twice, built(dataset()))


def test_create_container_ports() -> None:
    """An external port is used once in the cluster, also within one container."""
    text = "A specified external port is already in use."
    configuration = built(container("other", where=B, ports=(Port(80, 8080),)))
    refused(Conflict, text, container(ports=(Port(81, 8080),)), configuration)
    twice = container(ports=(Port(80, 8080), Port(81, 8080)))
    refused(Conflict, text, twice, built())
    # Inside, containers have ports of their own.
    assert container(ports=(Port(80, 8081),))(configuration).changes


def test_create_container_links() -> None:
    """Aliases and local ports of one container's links are unique; aliases know case."""
    same_alias = container(links=(Link("db", 1, 10), Link("db", 2, 20)))
    refused(Conflict, "Link aliases must be unique.", same_alias, built())
    same_port = container(links=(Link("db", 1, 10), Link("cache", 1, 20)))
    text = "The local ports in a container's links must be unique."
    refused(Conflict, text, same_port, built())
    assert container(links=(Link("db", 1, 10), Link("DB", 2, 10)))(built()).changes


def test_move_container() -> None:
    """A container takes its datasets along, and leaves all others and every grant."""
    configuration = built(dataset(D1), dataset(D2), container(volumes=(Volume(D1, "/a"),)))
    edit = edits.move_container(configuration, "web", "10.0.0.2")
    moved = Container("web", B, "busybox:latest", volumes=(Volume(D1, "/a"),))
    assert edit.changes == (
        Change("containers", "web", moved),
        Change("datasets", D1, Dataset(D1, B)),
    )


def test_move_container_to_itself() -> None:
    """A move to where it is changes nothing."""
    configuration = built(dataset(), container(volumes=(Volume(D1, "/a"),)))
    assert edits.move_container(configuration, "web", A) == Edit(configuration)


def test_move_container_refusals() -> None:
    """A container must be there, and the node must be known."""
    move = partial(edits.move_container, name="web", where="10.0.0.9")
    refused(NotFound, "Container not found.", move, built())
    text = "The provided primary node is not part of the cluster."
    refused(edits.UnknownNode, text, move, built(container()))


def test_update_container() -> None:
    """What it is made of changes in place; volumes that it gets go with it, those it loses stay."""
    configuration = built(
        dataset(D1), dataset(D2), container(volumes=(Volume(D1, "/a"),), ports=(Port(80, 8080),))
    )

    def revise(old: Container) -> Container:
        return replace(old, node="10.0.0.2", image="new:1", volumes=(Volume(D2, "/b"),))

    edit = edits.update_container(configuration, "web", revise)
    updated = Container("web", B, "new:1", (Port(80, 8080),), (Volume(D2, "/b"),))
    assert edit.changes == (
        Change("containers", "web", updated),
        Change("datasets", D2, Dataset(D2, B)),
    )


def test_update_container_refusals() -> None:
    """It must fit in as a new one must."""
    configuration = built(
        dataset(where=B),
        container(ports=(Port(80, 1),)),
        container("other", ports=(Port(80, 2),)),
    )

    def step(**fields: Any) -> EditFunction:
        return partial(
            edits.update_container, name="web", revise=lambda old: replace(old, **fields)
        )

    text = "A specified external port is already in use."
    refused(Conflict, text, step(ports=(Port(80, 2),)), configuration)
    text = "The dataset is on another node."
    refused(Conflict, text, step(volumes=(Volume(D1, "/a"),), node=B), configuration)
    text = "Link aliases must be unique."
    links = (Link("db", 1, 10), Link("db", 2, 20))
    refused(Conflict, text, step(links=links), configuration)
    assert step(ports=(Port(81, 1),))(configuration).changes


def test_delete_container() -> None:
    """A container that is deleted leaves its datasets; a second time it is not found."""
    configuration = built(dataset(), container(volumes=(Volume(D1, "/a"),)))
    edit = edits.delete_container(configuration, "web")
    assert edit.changes == (Change("containers", "web", None),)
    delete = partial(edits.delete_container, name="web")
    refused(NotFound, "Container not found.", delete, edit.configuration)


# Grants


@pytest.mark.parametrize("grant", [Grant(A, 1, True), Grant(B, 2, True), Grant(B, 9)])
def test_set_grant(grant: Grant) -> None:
    """A grant may be materialised, and may go on to a later epoch."""
    edit = edits.set_grant(built(dataset()), D1, grant)
    assert edit.changes == (Change("grants", D1, grant),)
    assert edits.set_grant(edit.configuration, D1, grant).changes == ()


@pytest.mark.parametrize("grant", [Grant(A, 6, True), Grant(B, 7, True), Grant(A, 7), Grant(B, 8)])
def test_stale_grant(grant: Grant) -> None:
    """A grant never goes back, never has two owners in one epoch, and is never unmade."""
    configuration = built(dataset(), lambda c: edits.set_grant(c, D1, Grant(A, 7, True)))
    with pytest.raises(edits.StaleGrant):
        edits.set_grant(configuration, D1, grant)


def test_grant_of_nothing() -> None:
    """Only a dataset that is there has a grant."""
    grant = partial(edits.set_grant, dataset_id=D1, grant=Grant(A, 2))
    refused(NotFound, "Dataset not found.", grant, built())
