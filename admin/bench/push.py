"""The throughput of a push, beside that of a bare `zfs send | ssh zfs receive` of the same data."""

from __future__ import annotations

import statistics
from typing import Any

from admin.bench.api import Api
from admin.bench.floor import bare_pipe_seconds
from admin.hosts import Lab
from admin.hosts.arrivals import agents_here

MIB = 1024 * 1024


def push(lab: Lab, repeats: int, size_mib: int) -> dict[str, Any]:
    """MiB/s of whole sends of random data, in turn by a bare pipe and by flocker_lite."""
    first, second = lab.node("n1"), lab.node("n2")
    api = Api(f"http://{lab.node('control').address}:4523/v1")
    api.until("/state/nodes", lambda nodes: agents_here(nodes) == 2)
    pipe: list[float] = []
    ours: list[float] = []
    for number in range(repeats):
        made = api.post("/configuration/datasets", {"primary": first.address})
        dataset_id = str(made["dataset_id"])
        api.until_dataset_at(dataset_id, first.address)
        path = f"/flocker/{dataset_id}/data"
        first.run(
            ["dd", "if=/dev/urandom", f"of={path}", "bs=1M", f"count={size_mib}", "conv=fsync"],
            timeout_seconds=300,
        )
        filesystem = f"{first.pool}/flocker-lite/{dataset_id}"
        first.run(["zfs", "snapshot", f"{filesystem}@bench"])
        # The first send reads the data from the disk; later ones may find it in memory.
        pipe_first = number % 2 == 0
        if pipe_first:
            seconds = bare_pipe_seconds(first, second, filesystem, "bench")
        body = {"primary": second.address}
        api.post(f"/configuration/datasets/{dataset_id}", body)
        move = api.moved(dataset_id, second.address, 2, "hand over")
        if not pipe_first:
            seconds = bare_pipe_seconds(first, second, filesystem, "bench")
        whole = move["rounds"][0]
        pipe.append(whole["bytes"] / MIB / seconds)
        ours.append(whole["bytes"] / MIB / whole["seconds"])
    return {
        "size_mib": size_mib,
        "pipe_mib_per_second": pipe,
        "flocker_lite_mib_per_second": ours,
        "ratio_of_medians": statistics.median(ours) / statistics.median(pipe),
        # On a machine with other work, the best runs say most about the code.
        "ratio_of_bests": max(ours) / max(pipe),
    }


def table(result: dict[str, Any]) -> str:
    """The result for people."""
    lines = [f"{'':32}{'median':>12}{'best':>12}"]
    for title, key in (
        ("bare zfs send | ssh zfs receive", "pipe_mib_per_second"),
        ("flocker_lite", "flocker_lite_mib_per_second"),
    ):
        median, best = statistics.median(result[key]), max(result[key])
        lines.append(f"{title:32}{median:6.0f} MiB/s{best:6.0f} MiB/s")
    ratios = (result["ratio_of_medians"], result["ratio_of_bests"])
    lines.append(f"{'ratio':32}{ratios[0]:12.2f}{ratios[1]:12.2f}")
    return "\n".join(lines)
