"""Whatever is done to a configuration, in whatever order, it is sound after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from flocker_lite.model import deltas, edits
from flocker_lite.model.records import (
    Configuration,
    Container,
    Dataset,
    Edit,
    Grant,
    Link,
    Node,
    Port,
    UserLease,
    Volume,
)
from flocker_lite.model.uses import uses_of
from tests.model.test_edits import ADDRESSES, D1, D2, A, B, C, built, container, dataset

WHERE = st.sampled_from([*ADDRESSES.values(), *ADDRESSES, "10.0.0.9"])
DATASET_IDS = st.sampled_from([D1, D2])
NAMES = st.sampled_from(["web", "db", "cache"])
PORTS = st.builds(Port, st.just(80), st.integers(1, 4))
VOLUMES = st.builds(Volume, DATASET_IDS, st.sampled_from(["/a", "/b"]))
LINKS = st.builds(Link, st.sampled_from("xy"), st.integers(1, 3), st.just(9))
CONTAINERS = st.builds(
    Container,
    name=NAMES,
    node=WHERE,
    image=st.just("busybox:latest"),
    ports=st.lists(PORTS, max_size=2).map(tuple),
    volumes=st.lists(VOLUMES, max_size=2).map(tuple),
    links=st.lists(LINKS, max_size=2).map(tuple),
)
GRANTS = st.builds(Grant, st.sampled_from([A, B]), st.integers(1, 4), st.booleans())
STEPS = st.one_of(
    st.builds(lambda d, w: (edits.create_dataset, Dataset(d, w)), DATASET_IDS, WHERE),
    st.builds(lambda *args: (edits.move_dataset, *args), DATASET_IDS, WHERE),
    st.builds(lambda *args: (edits.delete_dataset, *args), DATASET_IDS),
    st.builds(lambda *args: (edits.create_container, *args), CONTAINERS),
    st.builds(lambda *args: (edits.move_container, *args), NAMES, WHERE),
    st.builds(lambda *args: (edits.delete_container, *args), NAMES),
    st.builds(lambda *args: (edits.set_grant, *args), DATASET_IDS, GRANTS),
    st.builds(
        lambda n, w: (edits.announce_node, Node(n, w)),
        st.sampled_from([A, B, C]),
        st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.0.4"]),
    ),
    st.builds(lambda w: (edits.expect_node, w), st.sampled_from(["10.0.0.1", "10.0.0.4"])),
    st.builds(
        lambda d, holders: (edits.purge_dataset, d, holders, [A, B, C]),
        DATASET_IDS,
        st.sampled_from([(), (A,)]),
    ),
    st.builds(
        lambda d, w, now: (edits.acquire_lease, UserLease(d, w, now + 2), now),
        DATASET_IDS,
        WHERE,
        st.integers(1, 4),
    ),
    st.builds(lambda d, now: (edits.release_lease, d, now), DATASET_IDS, st.integers(1, 4)),
    st.builds(
        lambda n, w, v, p: (
            edits.update_container,
            n,
            lambda container: replace(container, node=w, volumes=tuple(v), ports=tuple(p)),
        ),
        NAMES,
        WHERE,
        st.lists(VOLUMES, max_size=2),
        st.lists(PORTS, max_size=2),
    ),
)


@given(st.lists(STEPS, max_size=30))
def test_invariants(steps: list[tuple[Callable[..., Edit], object]]) -> None:
    """Whatever is done, the configuration is sound, and the changes say what was done to it."""
    configuration = built()
    for function, *args in steps:
        try:
            edit = function(configuration, *args)
        except edits.EDIT_ERRORS:
            continue
        exact = deltas.difference(configuration, edit.configuration)
        assert sorted(edit.changes, key=repr) == sorted(exact, key=repr)
        configuration = edit.configuration
        require_valid(configuration)


def require_valid(configuration: Configuration) -> None:
    """What holds between the records of every configuration."""
    addresses = [node.address for node in configuration.nodes.values()]
    assert len(set(addresses)) == len(addresses)
    assert set(configuration.grants) >= set(configuration.datasets)
    assert set(configuration.datasets) >= set(configuration.leases)
    for each in configuration.datasets.values():
        assert each.primary in configuration.nodes
    external: list[int] = []
    attached: list[str] = []
    for name, each_container in configuration.containers.items():
        assert each_container.name == name
        assert each_container.node in configuration.nodes
        external += [port.external for port in each_container.ports]
        for volume in each_container.volumes:
            mounted = configuration.datasets[volume.dataset_id]
            assert mounted.primary == each_container.node
            assert not mounted.deleted
            attached.append(volume.dataset_id)
        aliases = [link.alias for link in each_container.links]
        assert len(set(aliases)) == len(aliases)
    assert len(set(external)) == len(external)
    assert len(set(attached)) == len(attached)
    require_known_uses(configuration)


def require_known_uses(configuration: Configuration) -> None:
    """What is remembered of the containers is what looking at them all gives."""
    uses = uses_of(configuration)
    assert set(uses.datasets.items()) == {
        (volume.dataset_id, name)
        for name, each in configuration.containers.items()
        for volume in each.volumes
    }
    assert set(uses.ports.items()) == {
        (port.key, name) for name, each in configuration.containers.items() for port in each.ports
    }


def test_uses_of_another() -> None:
    """An older configuration may be asked about again."""
    old = built(dataset(), container(volumes=(Volume(D1, "/a"),), ports=(Port(80, 8080),)))
    new = edits.delete_container(old, "web").configuration
    for configuration in (new, old, new, built(), old):
        require_known_uses(configuration)
