"""Finds what is wrong with a cluster, the worst first; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from flocker_lite.cli.units import shown_seconds

Item: TypeAlias = dict[str, Any]
CERTIFICATE_DAYS = 30.0
DAY_SECONDS = 86400.0


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
) -> list[Finding]:
    """Everything that is wrong; `now` is in seconds since 1970."""
    found = [
        *(each for node in nodes for each in _of_node(node, now)),
        *(each for item in containers for each in _of_container(item)),
        *(each for item in datasets for each in _of_dataset(item)),
        *(each for item in open_moves for each in _of_move(item)),
    ]
    return sorted(found, key=lambda each: not each.severe)


def _of_node(node: Item, now: float) -> Iterable[Finding]:
    about = f"node {node['host']}"
    if node.get("away"):
        yield Finding(about, "is away: its agent is not connected")
    if node.get("error"):
        yield Finding(about, node["error"])
    expires_at = node.get("certificate_expires_at")
    if expires_at is not None and expires_at - now < CERTIFICATE_DAYS * DAY_SECONDS:
        left = max(expires_at - now, 0.0)
        text = f"its certificate expires in {shown_seconds(left)}: run flocker-ca renew"
        yield Finding(about, text, severe=left < DAY_SECONDS)


def _of_container(item: Item) -> Iterable[Finding]:
    about = f"container {item['name']}"
    for state in item["state"]:
        if state.get("error"):
            yield Finding(about, state["error"])
    if not item["state"]:
        yield Finding(about, f"no node reports it; it should be on {item['host']}")
    elif item.get("stopped"):
        return
    elif not item["running"] and not any(each.get("error") for each in item["state"]):
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


def _of_move(item: Item) -> Iterable[Finding]:
    if item.get("error"):
        what = item.get("container") or item.get("dataset_id") or item.get("move_id")
        yield Finding(f"move of {what}", item["error"])
