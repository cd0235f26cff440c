"""By which names a container finds others: those of other nodes alone."""

from __future__ import annotations

from collections.abc import ItemsView
from dataclasses import replace
from typing import cast

from pyrsistent import PMap, pmap

from flocker_lite.model.records import Container, NodeId
from flocker_lite.model.state import LocalContainer, Member, NodeView
from flocker_lite.planner.changes import LeadNames
from flocker_lite.planner.groups import Local
from flocker_lite.planner.hosts_plan import plan_names

ME, OTHER = "a", "b"


class CountedMembers(dict[str, Member]):
    """Members of networks, and how often all of them are read."""

    reads = 0

    def items(self) -> ItemsView[str, Member]:  # type: ignore[override]
        """All members, counted."""
        self.reads += 1
        return super().items()


def container(name: str, node: NodeId = ME, **networks: tuple[str, ...]) -> Container:
    """One with these aliases in these networks."""
    return Container(name, node, "x:1", networks=pmap(networks))


WEB = container("web", front=(), back=())
DB = container("db", back=("database",), private=("secret",))


def view(*containers: Container) -> NodeView:
    """What the node is told of them."""
    return NodeView(
        containers=pmap({each.name: each for each in containers if each.node == ME}),
        members=pmap({each.name: Member(each.networks) for each in containers if each.networks}),
    )


def local(*containers: Container, status: str = "running", **names: tuple[str, ...]) -> Local:
    """A node with these, where they find these names elsewhere."""
    made = {each.name: LocalContainer(each, status) for each in containers}
    return Local(containers=pmap(made), names=pmap(names))


def led(told: NodeView, found: Local) -> dict[str, tuple[str, ...]] | None:
    """The names that are led anew; None when all is as it should be."""
    changes = plan_names(ME, told, found)
    if not changes:
        return None
    (change,) = changes
    assert isinstance(change, LeadNames)
    return dict(change.names)


def test_apart() -> None:
    """Its name and its aliases in the networks that both have."""
    told = view(WEB, replace(DB, node=OTHER))
    assert led(told, local(WEB)) == {"web": ("database", "db")}
    assert led(told, local(WEB, web=("database", "db"))) is None


def test_together() -> None:
    """Docker's own name server knows what serves here."""
    told = view(WEB, DB)
    assert led(told, local(WEB, DB, web=("database", "db"))) == {"web": (), "db": ()}
    assert led(told, local(WEB, DB)) is None


def test_not_yet_here() -> None:
    """What has not begun here is looked for by way of the routes, which hold connections."""
    found = local(WEB)
    found = replace(found, containers=found.containers.set("db", LocalContainer(DB, "created")))
    names = led(view(WEB, DB), found)
    assert names is not None
    assert names["web"] == ("database", "db")


def test_other_networks() -> None:
    """What is in none of its networks has no name there."""
    told = view(WEB, container("queue", OTHER, private=("q",)))
    assert led(told, local(WEB)) is None


def test_a_name_that_several_have() -> None:
    """One that serves here is found here, and its own name never leads elsewhere."""
    told = view(
        WEB,
        container("one", OTHER, back=("api", "web")),
        container("two", back=("api",)),
    )
    found = local(WEB, container("two", back=("api",)))
    names = led(told, found)
    assert names is not None
    assert names["web"] == ("one",)


def test_without_networks() -> None:
    """It finds nobody by name, and nobody finds it."""
    plain = Container("plain", ME, "x:1")
    assert led(view(plain, replace(DB, node=OTHER)), local(plain)) is None


def test_an_alias_that_is_new() -> None:
    """A name that the configuration has just given it leads nowhere else until it has it."""
    told = view(container("web", front=("shop",)), container("db", OTHER, front=()))
    assert led(told, local(container("web", front=()))) == {"web": ("db",)}


def test_many_containers() -> None:
    """The members are read once, however many containers are here; not at all without need."""
    several = tuple(container(f"web-{number}", front=()) for number in range(5))
    told = view(*several, replace(container("db", front=()), node=OTHER))
    members = CountedMembers(told.members)
    told = replace(told, members=cast("PMap[str, Member]", members))
    assert led(told, local(*several)) == {each.name: ("db",) for each in several}
    assert members.reads == 1
    assert led(told, local(Container("plain", ME, "x:1"))) is None
    assert members.reads == 1
