"""What an agent reports: what is here, and what went wrong with what belongs here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from pyrsistent import pmap

from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import Container, Dataset, Grant, RestartPolicy, Volume
from flocker_lite.model.state import (
    ContainerExit,
    DatasetState,
    DesiredDataset,
    LocalContainer,
    LocalDataset,
    NodeState,
    NodeView,
    RestartHistory,
)
from flocker_lite.planner.backoff import Failed
from flocker_lite.planner.changes import ChangeKey
from flocker_lite.planner.groups import Local
from flocker_lite.planner.resources import ContainerResource, DatasetResource, Resource
from flocker_lite.planner.restart_policy import UNSURE
from flocker_lite.planner.status import NodeFacts, report

ME, OTHER, D = "node-a", "node-b", "d1"
PRIMARY = Lease(Role.PRIMARY, 1)
SHOP = Container("shop", ME, "shop:1")


NOTHING = Local()


def reported(
    view: NodeView | None,
    local: Local = NOTHING,
    failures: Mapping[ChangeKey, str] = MappingProxyType({}),
) -> NodeState:
    """The report, with these failures."""
    failed = {key: Failed(1, error, 0.0) for key, error in failures.items()}
    return report(ME, NodeFacts(view, local, failures=pmap(failed)))


def of(kind: str, resource: Resource) -> ChangeKey:
    """That of a change of this kind, of one thing."""
    return ChangeKey(kind, frozenset({resource}))


def told(primary: str, grant: Grant) -> NodeView:
    """This node is told of a dataset."""
    return NodeView(pmap({D: DesiredDataset(Dataset(D, primary), grant)}))


def test_what_is_here() -> None:
    """Datasets and containers as they are, told of or not."""
    local = Local(
        pmap({D: LocalDataset(D, PRIMARY, True, "/flocker/d1", 100)}),
        pmap({"shop": LocalContainer(SHOP, "running")}),
    )
    state = reported(None, local)
    assert state.datasets == pmap({D: DatasetState(D, PRIMARY, True, "/flocker/d1", 100)})
    assert state.containers["shop"].running
    assert state.containers["shop"].serving


def test_on_trial() -> None:
    """What runs on data that it has on trial serves nobody, whatever else is known of it."""
    shop = replace(SHOP, volumes=(Volume(D, "/data"),))
    lent = Lease(Role.PROBATION, 2)
    for lease, serving in ((lent, False), (PRIMARY, True)):
        local = Local(
            pmap({D: LocalDataset(D, lease, True, "/flocker/d1")}),
            pmap({"shop": LocalContainer(shop, "running")}),
        )
        state = reported(None, local).containers["shop"]
        assert (state.running, state.serving) == (True, serving)


def test_stopped_for_a_move() -> None:
    """An agent that comes back during a handoff does not take the stop for an end of its own."""
    shop = replace(SHOP, volumes=(Volume(D, "/data"),))
    end = ContainerExit(143, 5.0, 100.0)
    history = RestartHistory("i1", 5.0, exit_code=143, configuration=UNSURE)
    for role, peer, said in ((Role.LENT, OTHER, None), (Role.PRIMARY, None, "restart_policy")):
        lease = Lease(role, 2, peer, 30 if role is Role.LENT else None)
        local = Local(
            pmap({D: LocalDataset(D, lease, False, "/flocker/d1")}),
            pmap(
                {
                    "shop": LocalContainer(
                        shop, "exited", "i1", end, image_id="sha256:a", image_digest="sha256:b"
                    )
                }
            ),
        )
        histories = pmap({"shop": history})
        state = report(ME, NodeFacts(None, local, histories=histories)).containers["shop"]
        assert (said in (state.error or "")) if said else (state.error is None)
        assert state.exit_code == (143 if said else None)
        assert (state.image_id, state.image_digest) == ("sha256:a", "sha256:b")


def test_down_during_a_push() -> None:
    """The source does not start what ended while its data goes away: there is no time to tell."""
    policy = RestartPolicy("always")
    shop = replace(SHOP, volumes=(Volume(D, "/data"),), restart_policy=policy)
    end = ContainerExit(3, 5.0, 100.0)
    local = Local(
        pmap({D: LocalDataset(D, PRIMARY, True, "/flocker/d1")}),
        pmap({"shop": LocalContainer(shop, "exited", "i1", end)}),
    )
    histories = pmap({"shop": RestartHistory("i1", 5.0, exit_code=3)})
    for node, said, again in ((ME, "after a wait", 6.0), (OTHER, "when its move is done", None)):
        at = pmap({OTHER: "10.79.1.12"})
        desired = DesiredDataset(Dataset(D, node), Grant(ME, 1), addresses=at)
        view = NodeView(pmap({D: desired}), pmap({"shop": replace(shop, node=node)}))
        starts_at = {"shop": 6.0}
        state = report(ME, NodeFacts(view, local, histories=histories, starts_at=starts_at))
        found = state.containers["shop"]
        assert said in (found.error or "")
        assert found.next_try_at == again


def test_what_failed() -> None:
    """The last error of a change is the error of each thing that it works on."""
    local = Local(pmap({D: LocalDataset(D, PRIMARY, False, "/flocker/d1")}))
    failures = {of("MountDataset", DatasetResource(D)): "no such pool"}
    assert reported(None, local, failures=failures).datasets[D].error == "no such pool"


def test_what_could_not_be_made() -> None:
    """What belongs here is reported with its error, though it is not here."""
    failures = {
        of("CreateDataset", DatasetResource(D)): "pool full",
        of("PrepareContainer", ContainerResource("shop")): "404",
    }
    view = NodeView(told(ME, Grant(ME)).datasets, pmap({"shop": SHOP}))
    state = reported(view, failures=failures)
    assert state.datasets == pmap({D: DatasetState(D, None, error="pool full")})
    assert (state.containers["shop"].error, state.containers["shop"].running) == ("404", False)


def test_what_cannot_be_seen() -> None:
    """What was seen last is reported with the reason: what failed before may be cured by now."""
    local = Local(
        pmap({D: LocalDataset(D, PRIMARY, True, "/flocker/d1")}),
        pmap({"shop": LocalContainer(SHOP, "running")}),
    )
    failed = pmap({of("StopContainer", ContainerResource("shop")): Failed(1, "no", 0.0)})
    state = report(ME, NodeFacts(None, local, failures=failed, discovery_trouble="away"))
    assert (state.datasets[D].mounted, state.datasets[D].error) == (True, "away")
    assert (state.containers["shop"].running, state.containers["shop"].error) == (True, "away")


def test_what_does_not_belong_here() -> None:
    """What is neither here nor wanted here is not reported, whatever went wrong with it.

    The control service tells of a thing whom reports it: the two would answer each other for ever.
    """
    failures = {
        of("Push", DatasetResource(D)): "no",
        of("RemoveContainer", ContainerResource("mail")): "no",
    }
    view = NodeView(
        told(OTHER, Grant(OTHER, 2, True)).datasets,
        pmap({"mail": Container("mail", OTHER, "mail:1")}),
    )
    assert reported(view, failures=failures) == NodeState()


def test_a_copy_that_is_gone() -> None:
    """An owner that lost its copy says so, and that no empty one is made in its place."""
    state = reported(told(ME, Grant(ME, 3, materialised=True)))
    assert "no longer has a copy of it" in (state.datasets[D].error or "")
