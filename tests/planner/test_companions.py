"""Which containers move together, and in which order."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from pyrsistent import pmap

from flocker_lite.model.container_fields.identity import Membership
from flocker_lite.model.records import Container, Dataset, Grant, Volume
from flocker_lite.model.state import DesiredDataset, NodeView
from flocker_lite.planner.companions import awaited, companions, follows_others, ranks

HERE, THERE, ELSEWHERE = "node-1", "node-2", "node-3"
NAMES = ("cache", "db", "files", "web")


def container(
    name: str,
    application: str | None = "shop",
    needs: tuple[str, ...] = (),
    with_data: bool = True,
) -> Container:
    """A container that is configured at the other node."""
    return Container(
        name,
        THERE,
        "image:1",
        volumes=(Volume(f"data-{name}", "/data"),) if with_data else (),
        application=None if application is None else Membership(application, name),
        depends_on=pmap(dict.fromkeys(needs, "started")),
    )


def view(*containers: Container, **primaries: str) -> NodeView:
    """A view in which the data of all is here, and goes there unless `primaries` say otherwise."""
    datasets = {
        volume.dataset_id: DesiredDataset(
            Dataset(volume.dataset_id, primaries.get(each.name, THERE)), Grant(HERE)
        )
        for each in containers
        for volume in each.volumes
    }
    return NodeView(
        datasets=pmap(datasets), containers=pmap({each.name: each for each in containers})
    )


def test_together() -> None:
    """Those of one application whose data goes the same way."""
    seen = view(
        container("db"),
        container("files"),
        container("web", with_data=False),
        container("stays"),
        container("turns"),
        container("other", application="blog"),
        container("lone", application=None),
        stays=HERE,
        turns=ELSEWHERE,
    )
    assert companions(seen, "db") == {"files"}
    assert companions(seen, "files") == {"db"}
    for name in ("web", "stays", "turns", "other", "lone", "nobody"):
        assert companions(seen, name) == frozenset(), name


def test_ranks() -> None:
    """Each comes after all that it depends on; others than these do not count."""
    seen = view(
        container("db", needs=("elsewhere",)),
        container("cache"),
        container("files", needs=("db",)),
        container("web", needs=("cache", "files")),
    )
    assert ranks(seen, NAMES) == {"db": 0, "cache": 0, "files": 1, "web": 2}
    assert ranks(seen, ("web", "files")) == {"files": 0, "web": 1}
    assert (follows_others(seen, "web"), follows_others(seen, "db")) == (True, False)


def test_awaited() -> None:
    """One without data serves where it did until all data is on the node where it goes."""
    site = container("web", with_data=False)
    seen = replace(view(container("db"), site), serving=pmap({"web": HERE}))
    assert awaited(THERE, seen, "web") == "db"
    assert awaited(HERE, seen, "web") is None
    assert awaited(THERE, seen, "db") is None
    assert awaited(THERE, replace(seen, serving=pmap()), "web") is None
    assert awaited(THERE, replace(seen, serving=pmap({"web": THERE})), "web") is None
    arrived = replace(view(container("db"), site, db=HERE), serving=pmap({"web": HERE}))
    assert awaited(THERE, arrived, "web") is None
    lone = replace(view(container("db"), replace(site, application=None)), serving=seen.serving)
    assert awaited(THERE, lone, "web") is None


def test_alone() -> None:
    """What moves without those that it depends on follows nobody."""
    seen = view(container("db"), container("web", needs=("db",)), db=HERE)
    assert not follows_others(seen, "web")


@given(st.dictionaries(st.sampled_from(NAMES), st.sets(st.sampled_from(NAMES))))
def test_any_order(needs: dict[str, set[str]]) -> None:
    """Whatever depends on what, all have a rank; without a circle it is after all that it needs."""
    seen = view(*(container(name, needs=tuple(needs.get(name, ()))) for name in NAMES))
    found = ranks(seen, NAMES)
    assert found.keys() == set(NAMES)
    if any(found.values()):
        for name, others in needs.items():
            assert all(found[other] < found[name] for other in others)
