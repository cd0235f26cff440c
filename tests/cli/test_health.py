"""What `flockerctl status` finds wrong with a node's machine."""

from __future__ import annotations

from typing import Any

from flocker_lite.cli.health import findings


def found(**node: Any) -> list[tuple[str, bool]]:
    """What is wrong with this node, and whether it is severe."""
    nodes = [{"host": "10.0.0.1", **node}]
    return [(each.text, each.severe) for each in findings(nodes, (), (), (), 0.0)]


def test_away() -> None:
    """Since when, where that is known."""
    assert found(away=True) == [("is away: its agent is not connected", True)]
    said = "is away since 1970-01-01 00:01 UTC: its agent is not connected"
    assert found(away=True, away_since=60.0) == [(said, True)]


def test_pool() -> None:
    """A hint when it is nearly full, and more than that soon after."""
    machine = {"storage_size_bytes": 1000 * 1024, "storage_free_bytes": 99 * 1024}
    said = "its pool is nearly full: 99.0 KiB of 1000.0 KiB are free"
    assert found(machine={**machine, "storage_free_bytes": 100 * 1024}) == []
    ((text, severe),) = found(machine=machine)
    assert (text.replace("1.0 MiB", "1000.0 KiB"), severe) == (said, False)
    ((_, severe),) = found(machine={**machine, "storage_free_bytes": 49 * 1024})
    assert severe


def test_clock() -> None:
    """A clock that is off, and which way."""
    assert found(clock_offset_seconds=-1.5) == []
    ((text, severe),) = found(clock_offset_seconds=-3.0)
    assert ("3.0 s behind" in text or "3 s behind" in text, severe) == (True, False)
    ((text, _),) = found(clock_offset_seconds=300.0)
    assert "ahead of the control service's" in text


def of_copy(**copy: Any) -> list[tuple[str, bool]]:
    """What is wrong with a dataset that has this standby, and whether it is severe."""
    copies = [{"host": "10.0.0.1", "role": "primary"}, {"host": "10.0.0.2", **copy}]
    item = {"dataset_id": "d", "metadata": {"name": "data"}, "state": [{"copies": copies}]}
    return [(str(each), each.severe) for each in findings((), [item], (), (), 0.0)]


def test_standbys() -> None:
    """A hint when one is older than it should be; severe when it has an error."""
    standby = {"role": "standby", "rpo_seconds": 30, "lag_seconds": 12.0, "rpo_met": True}
    assert of_copy(**standby) == []
    assert of_copy(role="replica", error="no space") == []
    late = {**standby, "lag_seconds": 90.0, "rpo_met": False}
    ((said, severe),) = of_copy(**late)
    assert said.startswith("dataset data: its standby on 10.0.0.2 is ")
    assert not severe
    ((said, severe),) = of_copy(**late, error="its pool is full")
    assert said.endswith(" old: its pool is full")
    assert severe
    ((said, _),) = of_copy(role="standby", rpo_seconds=30, rpo_met=False, phase="seeding")
    assert "has no copy, and gets its first one" in said


def of_container(**state: Any) -> list[tuple[str, bool]]:
    """What is wrong with a container that runs with this state."""
    item = {"name": "db", "host": "10.0.0.1", "running": True, "state": [state]}
    return [(str(each), each.severe) for each in findings((), (), [item], (), 0.0)]


def test_a_failover_that_would_not_happen() -> None:
    """Is a hint, with the reason."""
    assert of_container() == []
    assert of_container(failover_state={"armed": True}) == []
    told = {"armed": False, "reason": "its standby is not counted yet"}
    said = "container db: would not fail over by itself now: its standby is not counted yet"
    assert of_container(failover_state=told) == [(said, False)]


def test_what_a_failover_set_aside() -> None:
    """Is a hint, until somebody lets go of it; what a move set aside is none."""
    item = {"name": "d.failover-1", "host": "10.0.0.1", "reason": "failover", "bytes": 2048}
    ((said, severe),) = ((str(each), each.severe) for each in findings((), (), (), (), 0.0, [item]))
    assert said.startswith("copy d.failover-1: is set aside on 10.0.0.1 and holds 2.0 KiB: ")
    assert not severe
    assert findings((), (), (), (), 0.0, [{**item, "reason": "diverged"}]) == []
