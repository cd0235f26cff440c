"""Upgrades a lab from an older release, one machine after the other, in both orders.

`admin/test upgrade --from 465871b`: a redis, to which a client appends, moves from node to node.
Each machine is upgraded in the middle of a move, and then the redis moves in both directions.
Nothing that the client was acknowledged may be lost, what is configured stays, and what an older
agent does not know is refused with its node. Afterwards the old control service must refuse the
store.

With `--pause` the machines are upgraded while the move is in its pause instead, before and after
its commit point, as its source and as its target. With `--store etcd` there are three control
services on etcd, which are upgraded one after the other while clients write.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from admin.hosts.errors import LabError
from tests.functional.agents_lab import CHECKOUT, wait_for
from tests.functional.upgrades import on_etcd, pauses
from tests.functional.upgrades.releases import obtain
from tests.functional.upgrades.scene import Scene, scene, timed

ORDERS = {
    "the control service first": ("control", "n1", "n2"),
    "the agents first": ("n1", "n2", "control"),
}
FAILOVER = "/configuration/containers/db/failover?dry_run=1"
NEW_FIELD = {"user": "1000"}
"""What a container says that agents know since protocol 2."""


def play(seen: Scene, machines: tuple[str, ...]) -> None:
    """Upgrade these; AssertionError for what goes wrong."""
    seen.there_and_back()
    for name in machines:
        begun = time.monotonic()
        seen.push()
        seen.upgrade(name)
        seen.moved()
        print(f"  {name} upgraded while redis moved: {timed(begun)}", flush=True)
        seen.there_and_back()
        refuse(seen)


def refuse(seen: Scene) -> None:
    """What one of the nodes is too old for is refused, and who says so is told which to upgrade."""
    container = {"name": "newer", "image": "redis:latest", **NEW_FIELD}
    if not seen.new["control"]:
        # The old control service knows the field or not; either way nothing comes of it here.
        said = seen.ask("/configuration/containers", {"host": seen.node("n1").address, **container})
        assert said.status >= 400, said
        assert "user" in said.text, said
        return
    replicas = {"nodes": [seen.node(name).address for name in ("n1", "n2")], "rpo_seconds": 10}
    for name in ("n1", "n2"):
        if not seen.new[name]:
            address = seen.node(name).address
            for path, body in (
                ("/configuration/containers", {"host": address, **container}),
                (f"/configuration/datasets/{seen.dataset_id}", {"replicas": replicas}),
            ):
                said = seen.ask(path, body)
                assert said.status >= 400, said
                assert f"{address} speaks protocol" in said.text, said
                assert "upgrade it" in said.text, said
                print(f"  refused with {said.status}: {said.text.strip()}", flush=True)


def use(seen: Scene) -> None:
    """What the old release does not have works now: a field, and a standby."""
    # For the watcher all programs are of the one container that moves.
    seen.watcher.stop()
    replicas = {"nodes": [seen.node(seen.other).address], "rpo_seconds": 5}
    for node in ("n1", "n2"):
        seen.create(node, f"newer-{node}", **NEW_FIELD)
    seen.running("newer-n1", "newer-n2")
    seen.delete("newer-n1", "newer-n2")
    seen.player.post(f"/configuration/datasets/{seen.dataset_id}", {"replicas": replicas})
    wait_for(lambda: seen.player.post(FAILOVER, {}).get("possible"), "the standby can take over")
    print("  a field that is new and a standby work", flush=True)


def go_back(seen: Scene) -> None:
    """The old control service refuses a store that the new one has upgraded; that goes on."""
    try:
        seen.replace("control", seen.old)
    except LabError as error:
        (why,) = {line for line in str(error).splitlines() if "format" in line}
        print(f"  the old control service: {why}", flush=True)
    else:
        raise AssertionError("the old control service took the store of the new one")
    seen.replace("control", CHECKOUT)
    seen.there_and_back()


def played(title: str, old: Path, act: Callable[[Scene], None]) -> list[str]:
    """A lab of the old release on which `act` is done; what is wrong in the end."""
    print(f"{title}:", flush=True)
    with scene(old) as seen:
        try:
            act(seen)
        except BaseException:
            print(f"with {seen.combination()}:\n{seen.logs()}", file=sys.stderr)
            raise
        found = seen.complaints()
        print(
            f"  {len(seen.journal.acknowledged)} acknowledged appends; the client waited "
            f"{seen.journal.longest_gap_seconds:.1f} s at most",
            flush=True,
        )
        return found


def in_pushes(old: Path, machines: tuple[str, ...], title: str) -> list[str]:
    """Each machine in the middle of a push, and all that two releases are to each other."""

    def act(seen: Scene) -> None:
        play(seen, machines)
        use(seen)
        go_back(seen)

    return played(title, old, act)


def runs(old: Path, store: str, pause: bool) -> Iterator[list[str]]:
    """What is wrong in the end of each lab."""
    if store == "etcd":
        print("three control services on etcd:", flush=True)
        yield on_etcd.play(old)
    elif pause:
        for title, upgrades in pauses.labs(ORDERS):
            yield played(title, old, partial(pauses.play, upgrades=upgrades))
    else:
        for title, machines in ORDERS.items():
            yield in_pushes(old, machines, title)


def main() -> int:
    """The exit code: 1 when something went wrong."""
    parser = argparse.ArgumentParser(prog="admin/test upgrade", description=__doc__)
    parser.add_argument(
        "--from",
        dest="old",
        required=True,
        metavar="RELEASE",
        help="a commit or a tag of this repository, or a folder with a checkout that is set up",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--pause", action="store_true", help="upgrade in the pauses of moves")
    how.add_argument("--store", choices=("sqlite", "etcd"), default="sqlite", help="of the lab")
    chosen = parser.parse_args()
    for found in runs(obtain(chosen.old), chosen.store, chosen.pause):
        if found:
            print("\n".join(f"WRONG: {each}" for each in found))
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
