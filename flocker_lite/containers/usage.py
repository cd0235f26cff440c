"""IUsage by Docker's stats: two samples of each running container, a moment apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from docker import errors as docker_errors
from docker.utils import version_lt
from pyrsistent import PMap, pmap
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from zope.interface import implementer

from flocker_lite.containers import translate
from flocker_lite.containers.connection import Connection
from flocker_lite.interfaces.threads import RunInThread
from flocker_lite.interfaces.usage import IUsage
from flocker_lite.model.usage import ContainerUsage

BETWEEN_SAMPLES_SECONDS = 0.7
ONE_SHOT_SINCE = "1.41"
"""The API of Docker 20.10, which can measure without waiting for a second sample."""

UNLIMITED_BYTES = 2**60
"""Where a container has no limit, the kernel of control groups 1 shows a number beyond this."""

Sample: TypeAlias = Mapping[str, Any]


@implementer(IUsage)
class DockerUsage:
    """The engine behind a Unix socket; `root` is where we see its machine's file system."""

    def __init__(
        self,
        run_in_thread: RunInThread,
        clock: IReactorTime,
        socket_path: str,
        root: Path = Path("/"),
    ) -> None:
        self._run_in_thread = run_in_thread
        self._clock = clock
        self._connection = Connection(root / socket_path.lstrip("/"))

    async def measure(self) -> PMap[str, ContainerUsage]:
        try:
            ids = await self._run_in_thread(self._running)
            first = await self._run_in_thread(self._samples, ids)
            await deferLater(self._clock, BETWEEN_SAMPLES_SECONDS, lambda: None)
            second = await self._run_in_thread(self._samples, ids)
        finally:
            self._connection.close()
        return pmap({name: usage_of(first.get(name), second[name]) for name in second})

    def _running(self) -> dict[str, str]:
        """The Docker ids of our running containers, by name."""
        with self._connection.client_for("list containers") as client:
            found = client.containers(filters={"label": [translate.MANAGED_FILTER]})
        named = {translate.labelled_name(each["Labels"]): each["Id"] for each in found}
        return {name: each for name, each in named.items() if name is not None}

    def _samples(self, ids: Mapping[str, str]) -> dict[str, Sample]:
        """A sample of each; without those that have ended meanwhile.

        An older Docker takes two samples at each request, which lasts a second.
        """
        found: dict[str, Sample] = {}
        with self._connection.client_for("measure containers") as client:
            is_old = version_lt(client.api_version, ONE_SHOT_SINCE)
            at_once = {} if is_old else {"one_shot": True}
            for name, container_id in ids.items():
                try:
                    found[name] = client.stats(container_id, stream=False, **at_once)
                except docker_errors.NotFound:
                    continue
        return {name: sample for name, sample in found.items() if _ran(sample)}


def usage_of(first: Sample | None, second: Sample) -> ContainerUsage:
    """What a container used between two samples of Docker's, and uses now."""
    memory = second.get("memory_stats") or {}
    limit = memory.get("limit")
    networks = (second.get("networks") or {}).values()
    entries = (second.get("blkio_stats") or {}).get("io_service_bytes_recursive") or ()
    return ContainerUsage(
        _cpu_share(first, second),
        _memory(memory),
        limit if limit is not None and limit < UNLIMITED_BYTES else None,
        sum(each.get("rx_bytes", 0) for each in networks),
        sum(each.get("tx_bytes", 0) for each in networks),
        _transferred(entries, "read"),
        _transferred(entries, "write"),
    )


def _ran(sample: Sample) -> bool:
    """Whether Docker measured anything: of a container that has ended, all is zero."""
    return bool((sample.get("memory_stats") or {}).get("usage"))


def _cpu_share(first: Sample | None, second: Sample) -> float | None:
    if first is None:
        return None
    used = _cpu(second, "cpu_usage", "total_usage") - _cpu(first, "cpu_usage", "total_usage")
    # The sum of all CPUs, of each of which this many nanoseconds have passed.
    passed = _cpu(second, "system_cpu_usage") - _cpu(first, "system_cpu_usage")
    cpus = _cpu(second, "online_cpus") or 1
    return round(max(used, 0) / passed * cpus, 4) if passed > 0 else None


def _cpu(sample: Sample, *keys: str) -> int:
    found: Any = sample.get("cpu_stats") or {}
    for key in keys:
        found = (found or {}).get(key)
    return int(found or 0)


def _memory(memory: Mapping[str, Any]) -> int | None:
    """The memory in use, as `docker stats` says it: without the cache of files."""
    used = memory.get("usage")
    if used is None:
        return None
    details = memory.get("stats") or {}
    cached = details.get("total_inactive_file", details.get("inactive_file", 0))
    return max(used - cached, 0)


def _transferred(entries: Iterable[Mapping[str, Any]], how: str) -> int:
    found = [each.get("value", 0) for each in entries if str(each.get("op")).lower() == how]
    return sum(found)
