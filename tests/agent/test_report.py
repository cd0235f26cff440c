"""What an agent reports: what is here, and what went wrong with what belongs here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from pyrsistent import pmap

from flocker_lite.agent.report import report
from flocker_lite.convergence.groups import Local
from flocker_lite.convergence.pacing import Failed
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import Container, Dataset, Grant, Volume
from flocker_lite.model.state import (
    DatasetState,
    LocalContainer,
    LocalDataset,
    NodeState,
    NodeView,
    WantedDataset,
)

ME, OTHER, D = "node-a", "node-b", "d1"
PRIMARY = Lease(Role.PRIMARY, 1)
SHOP = Container("shop", ME, "shop:1")


NOTHING = Local()


def reported(
    view: NodeView | None,
    local: Local = NOTHING,
    failures: Mapping[str, str] = MappingProxyType({}),
) -> NodeState:
    """The report, with these failures by kind and resource ("Kind resource")."""
    failed = {key: Failed(1, error, 0.0) for key, error in failures.items()}
    return report(ME, view, local, pmap(failed), pmap(), pmap(), pmap())


def told(primary: str, grant: Grant) -> NodeView:
    """This node is told of a dataset."""
    return NodeView(pmap({D: WantedDataset(Dataset(D, primary), grant)}))


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
    """What runs on data that it has on loan serves nobody, whatever else is known of it."""
    shop = replace(SHOP, volumes=(Volume(D, "/data"),))
    lent = Lease(Role.PROBATION, 2)
    for lease, serving in ((lent, False), (PRIMARY, True)):
        local = Local(
            pmap({D: LocalDataset(D, lease, True, "/flocker/d1")}),
            pmap({"shop": LocalContainer(shop, "running")}),
        )
        state = reported(None, local).containers["shop"]
        assert (state.running, state.serving) == (True, serving)


def test_what_failed() -> None:
    """The last error of a change is the error of each thing that it works on."""
    local = Local(pmap({D: LocalDataset(D, PRIMARY, False, "/flocker/d1")}))
    failures = {f"MountDataset dataset/{D}": "no such pool"}
    assert reported(None, local, failures=failures).datasets[D].error == "no such pool"


def test_what_could_not_be_made() -> None:
    """What belongs here is reported with its error, though it is not here."""
    failures = {f"CreateDataset dataset/{D}": "pool full", "PrepareContainer container/shop": "404"}
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
    failed = pmap({"StopContainer container/shop": Failed(1, "no", 0.0)})
    state = report(ME, None, local, failed, pmap(), pmap(), pmap(), unseen="blind")
    assert (state.datasets[D].mounted, state.datasets[D].error) == (True, "blind")
    assert (state.containers["shop"].running, state.containers["shop"].error) == (True, "blind")


def test_what_does_not_belong_here() -> None:
    """What is neither here nor wanted here is not reported, whatever went wrong with it.

    The control service tells of a thing whom reports it: the two would answer each other for ever.
    """
    failures = {f"Push dataset/{D}": "no", "RemoveContainer container/mail": "no"}
    view = NodeView(
        told(OTHER, Grant(OTHER, 2, True)).datasets,
        pmap({"mail": Container("mail", OTHER, "mail:1")}),
    )
    assert reported(view, failures=failures) == NodeState()


def test_a_copy_that_is_gone() -> None:
    """An owner that lost its copy says so, and that no empty one is made in its place."""
    state = reported(told(ME, Grant(ME, 3, materialised=True)))
    assert "no copy of it any more" in (state.datasets[D].error or "")
