"""The order of the functional tests: files run side by side, the ones that take longest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from subprocess import TimeoutExpired

import pytest

from admin.hosts import Lab, Node

LOG_LINES, LOG_COLUMNS = 12, 240
"""How much of each daemon's log the report of a failed test has."""

ZFS_SECONDS = 10.0

LONGEST_FIRST = (
    "test_compose_files",
    "test_storage",
    "test_fields",
    "test_crashes",
    "test_api",
    "test_trials",
    "test_story",
    "test_images",
    "test_bad_world",
    "test_holding",
    "test_hostile_clients",
    "test_dashboard",
    "test_demo",
    "test_controls",
    "test_rings",
    "test_restarts",
    "test_failover",
    "test_lives",
    "test_in_the_way",
    "test_adopt",
    "test_containers",
    "test_packages",
    "test_losses",
    "test_deadline_fence",
    "test_deadlines",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort by file; within a file, tests stay as they are written."""
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    name = item.path.stem
    return LONGEST_FIRST.index(name) if name in LONGEST_FIRST else len(LONGEST_FIRST)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure which services ran on the test's labs, and what ours warned of last."""
    report = yield
    if report.failed:
        for lab in _labs(item):
            for node in lab.nodes.values():
                report.sections.append((f"{lab.plan.name} {node.name}", _shown(node)))
    return report


def _labs(item: pytest.Item) -> list[Lab]:
    fixtures = getattr(item, "funcargs", {}).values()
    found = (getattr(each, "lab", each) for each in fixtures)
    return list({id(each): each for each in found if isinstance(each, Lab)}.values())


def _shown(node: Node) -> str:
    services = node.services()
    lines = [", ".join(name if runs else f"{name} is DEAD" for name, runs in services.items())]
    for name in services:
        if name.startswith("flocker"):
            said = node.log_tail(name).splitlines()
            lines += [line for line in said if "#info]" not in line][-LOG_LINES:]
    if services.get("zfs-fuse"):
        lines += _why_zfs_hangs(node)
    return "\n".join(line[:LOG_COLUMNS] for line in lines)


def _why_zfs_hangs(node: Node) -> list[str]:
    """What ZFS and who asks it wait for in the kernel; nothing if it answers."""
    try:
        node.run(["zfs", "list", "-H", "-o", "name"], timeout_seconds=ZFS_SECONDS, check=False)
    except TimeoutExpired:
        ps = ["ps", "-eLo", "comm,wchan:32,etimes,args", "--no-headers"]
        said = node.run(ps, check=False).stdout.splitlines()
        threads = Counter(line.split()[1] for line in said if line.startswith("zfs-fuse"))
        others = [line for line in said if line.startswith(("zfs ", "zpool ", "ssh ", "umount "))]
        return [f"ZFS does not answer; its threads wait in {dict(threads)}", *others]
    return []
