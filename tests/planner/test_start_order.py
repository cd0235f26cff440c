"""Which containers wait for others before their first start, and for what."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pyrsistent import pmap

from flocker_lite.model.records import Container, Dataset, Ended, Grant, HealthCheck, Move, Volume
from flocker_lite.model.state import (
    HEALTHY,
    STARTING,
    ContainerExit,
    DesiredDataset,
    ImageHealth,
    LocalContainer,
    NodeView,
)
from flocker_lite.planner.groups import Local
from flocker_lite.planner.start_order import held_back

ME, OTHER, D = "node-a", "node-b", "d1"
DB = Container("db", ME, "postgres:16")
CHECKED = replace(DB, health_check=HealthCheck(port=5432))
FAILED = ContainerExit(1, 100.0, 1.0)
DONE = ContainerExit(0, 100.0, 1.0)


def web(condition: str = "started") -> Container:
    """A container that waits for the database."""
    return Container("web", ME, "nginx:1", depends_on=pmap({"db": condition}))


def why(
    desired: Container | None,
    have: LocalContainer | None,
    condition: str,
    health: str | None = None,
) -> str | None:
    """Why `web` waits, while the database is this."""
    wanted = [web(condition), *([desired] if desired is not None else [])]
    view = NodeView(containers=pmap({each.name: each for each in wanted}))
    local = Local(containers=pmap({} if have is None else {"db": have}))
    found = held_back(ME, view, local, {} if health is None else {"db": health})
    assert found.keys() <= {"web"}
    return found.get("web")


def here(status: str = "running", last_exit: ContainerExit | None = None) -> LocalContainer:
    """The database as it is here."""
    return LocalContainer(DB, status, last_exit=last_exit)


SICK = replace(here(), health=ImageHealth(STARTING))


@pytest.mark.parametrize(
    ("condition", "desired", "have", "health", "waits"),
    [
        ("started", DB, None, None, True),
        ("started", DB, here("created"), None, True),
        ("started", DB, here(), None, False),
        ("started", DB, here("paused"), None, False),
        ("started", DB, here("exited", FAILED), None, False),
        ("started", DB, here("exited", replace(DONE, by_itself=False)), None, True),
        ("started", replace(DB, ended=Ended(0, 1.0)), None, None, False),
        ("healthy", DB, None, None, True),
        ("healthy", DB, here(), None, False),
        ("healthy", DB, SICK, None, True),
        ("healthy", DB, replace(SICK, health=ImageHealth(HEALTHY)), None, False),
        ("healthy", CHECKED, here(), None, True),
        ("healthy", CHECKED, here(), STARTING, True),
        ("healthy", CHECKED, here(), HEALTHY, False),
        ("healthy", CHECKED, here("exited", DONE), HEALTHY, True),
        ("completed", DB, None, None, True),
        ("completed", DB, here(), None, True),
        ("completed", DB, here("exited", FAILED), None, True),
        ("completed", DB, here("exited", DONE), None, False),
        ("completed", DB, here("running", DONE), None, True),
        ("completed", replace(DB, ended=Ended(0, 1.0)), None, None, False),
        ("completed", replace(DB, ended=Ended(1, 1.0)), None, None, True),
        ("healthy", None, None, None, False),
        ("healthy", replace(DB, node=OTHER), None, None, False),
        ("healthy", replace(DB, running=False), None, None, False),
    ],
)
def test_conditions(
    condition: str,
    desired: Container | None,
    have: LocalContainer | None,
    health: str | None,
    waits: bool,
) -> None:
    """It waits for what belongs to this node and is to run, until that is what it should be."""
    assert (why(desired, have, condition, health) is not None) is waits


def test_words() -> None:
    """It is said for which container, and for what."""
    assert why(DB, None, "healthy") == "waits until container db is healthy"
    said = "waits until container db has completed: it ended with exit code 1"
    assert why(DB, here("exited", FAILED), "completed") == said


@pytest.mark.parametrize(
    ("have", "waits"),
    [
        (None, True),
        (LocalContainer(web(), "created"), True),
        (LocalContainer(web(), "running"), False),
        (LocalContainer(web(), "paused"), False),
        (LocalContainer(web(), "prestarted"), False),
        (LocalContainer(web(), "exited", last_exit=FAILED), False),
        (LocalContainer(web(), "exited", last_exit=replace(DONE, by_itself=False)), False),
    ],
)
def test_only_before_the_first_start(have: LocalContainer | None, waits: bool) -> None:
    """What runs, or ran here before, is not held back."""
    view = NodeView(containers=pmap({"web": web(), "db": DB}))
    local = Local(containers=pmap({} if have is None else {"web": have}))
    assert ("web" in held_back(ME, view, local, {})) is waits


def test_not_while_it_moves() -> None:
    """Neither what serves elsewhere, nor what has an open move, nor what is to be elsewhere."""
    moving = replace(web(), volumes=(Volume(D, "/data"),))
    view = NodeView(containers=pmap({"web": moving, "db": DB}))
    told = DesiredDataset(Dataset(D, ME), Grant(OTHER))
    assert held_back(ME, replace(view, datasets=pmap({D: told})), Local(), {})
    told = replace(told, move=Move("m", OTHER, ME, 0.0, "web", (D,)))
    assert not held_back(ME, replace(view, datasets=pmap({D: told})), Local(), {})
    assert not held_back(ME, replace(view, serving=pmap({"web": OTHER})), Local(), {})
    assert not held_back(OTHER, view, Local(), {})
    stopped = NodeView(containers=pmap({"web": replace(web(), running=False), "db": DB}))
    assert not held_back(ME, stopped, Local(), {})
