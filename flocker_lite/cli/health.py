"""Finds what is wrong with a cluster, the worst first; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from flocker_lite.cli.units import shown_bytes, shown_day, shown_seconds, shown_time

Item: TypeAlias = dict[str, Any]
CERTIFICATE_DAYS = 30.0
DAY_SECONDS = 86400.0
FREE_SHARE_MIN = 0.1
"""With less free space ZFS becomes slow, and pushes to the node may fail."""

CLOCK_SECONDS_MAX = 2.0
FAILOVER = "failover"
"""The reason of copies that were set aside after one."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong: what it is about, and a text.

    A finding that is not `severe` is a hint; the cluster still counts as healthy.
    """

    about: str
    text: str
    severe: bool = True

    def __str__(self) -> str:
        return f"{self.about}: {self.text}"


def findings(
    nodes: Iterable[Item],
    datasets: Iterable[Item],
    containers: Iterable[Item],
    open_moves: Iterable[Item],
    now: float,
    set_aside: Iterable[Item] = (),
) -> list[Finding]:
    """Everything that is wrong; `now` is in seconds since 1970."""
    found = [
        *(each for node in nodes for each in _of_node(node, now)),
        *(each for item in containers for each in _of_container(item)),
        *(each for item in datasets for each in _of_dataset(item)),
        *(each for item in open_moves for each in _of_move(item)),
        *(each for item in set_aside for each in _of_aside(item)),
    ]
    return sorted(found, key=lambda each: not each.severe)


def _of_node(node: Item, now: float) -> Iterable[Finding]:
    about = f"node {node['host']}"
    if node.get("away"):
        since = f" since {shown_time(node['away_since'])}" if node.get("away_since") else ""
        yield Finding(about, f"is away{since}: its agent is not connected")
    yield from _of_machine(about, node.get("machine", {}), node.get("clock_offset_seconds", 0.0))
    if node.get("error"):
        yield Finding(about, node["error"])
    expires_at = node.get("certificate_expires_at")
    if expires_at is not None and expires_at - now < CERTIFICATE_DAYS * DAY_SECONDS:
        left = max(expires_at - now, 0.0)
        text = f"its certificate expires in {shown_seconds(left)}: run flocker-ca renew"
        yield Finding(about, text, severe=left < DAY_SECONDS)


def _of_machine(about: str, machine: Item, clock_offset_seconds: float) -> Iterable[Finding]:
    size, free = machine.get("storage_size_bytes"), machine.get("storage_free_bytes")
    if size and free is not None and free < size * FREE_SHARE_MIN:
        text = f"its pool is nearly full: {shown_bytes(free)} of {shown_bytes(size)} are free"
        yield Finding(about, text, severe=free < size * FREE_SHARE_MIN / 2)
    if abs(clock_offset_seconds) > CLOCK_SECONDS_MAX:
        way = "ahead of" if clock_offset_seconds > 0 else "behind"
        off = shown_seconds(abs(clock_offset_seconds))
        text = f"its clock is {off} {way} the control service's: have NTP set both"
        yield Finding(about, text, severe=False)


def _of_container(item: Item) -> Iterable[Finding]:
    about = f"container {item['name']}"
    for state in item["state"]:
        if state.get("error"):
            yield Finding(about, state["error"])
    if not item["state"]:
        yield Finding(about, f"no node reports it; it should be on {item['host']}")
        return
    if item.get("stopped"):
        return
    if (failover := failover_state(item)) is not None and not failover["armed"]:
        why = failover.get("reason", "its service does not say why")
        yield Finding(about, f"would not fail over by itself now: {why}", severe=False)
    if not item["running"] and not any(each.get("error") for each in item["state"]):
        policy = item.get("restart_policy", {}).get("name")
        codes = [each["exit_code"] for each in item["state"] if "exit_code" in each]
        if codes and policy == "never":
            yield Finding(about, f"has ended with {codes[0]}", severe=codes[0] != 0)
        else:
            yield Finding(about, "does not run")


def _of_dataset(item: Item) -> Iterable[Finding]:
    about = f"dataset {item.get('metadata', {}).get('name') or item['dataset_id']}"
    for state in item["state"]:
        if state.get("error"):
            yield Finding(about, state["error"])
        if state.get("missing_standbys"):
            count = state["missing_standbys"]
            yield Finding(about, f"{count} of its standbys are missing: no node may be one", False)
        for copy in state.get("copies", ()):
            if copy["role"] == "standby":
                yield from _of_standby(about, copy)


def _of_standby(about: str, copy: Item) -> Iterable[Finding]:
    standby = f"its standby on {copy['host']}"
    lag = f"is {shown_seconds(copy['lag_seconds'])} old" if "lag_seconds" in copy else "has no copy"
    if copy.get("error"):
        yield Finding(about, f"{standby} {lag}: {copy['error']}")
    elif copy.get("rpo_met") is False:
        rpo = shown_seconds(copy["rpo_seconds"])
        doing = ", and gets its first one" if copy.get("phase") == "seeding" else ""
        yield Finding(about, f"{standby} {lag}{doing}; it should be {rpo} at most", severe=False)


def _of_aside(item: Item) -> Iterable[Finding]:
    if item["reason"] == FAILOVER:
        size = f" and holds {shown_bytes(item['bytes'])}" if "bytes" in item else ""
        since = f" since {shown_day(item['since'])}" if "since" in item else ""
        yield Finding(
            f"copy {item['name']}",
            f"is set aside on {item['host']}{since}{size}: what only the old primary had before a "
            "failover; `flockerctl delete-set-aside` lets go of it",
            severe=False,
        )


def failover_state(container: Item) -> Item | None:
    """Whether a container would fail over by itself; None for one that need not."""
    return next(
        (each["failover_state"] for each in container["state"] if "failover_state" in each), None
    )


def _of_move(item: Item) -> Iterable[Finding]:
    if item.get("error"):
        what = item.get("container") or item.get("dataset_id") or item.get("move_id")
        yield Finding(f"move of {what}", item["error"])
