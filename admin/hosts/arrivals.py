"""Waits until users see all agents of a lab in its control service."""

import json
import ssl
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from admin.hosts.certificates import FOLDER, READ_ONLY_USER
from admin.hosts.errors import LabError
from admin.hosts.plan import LabPlan
from admin.hosts.processes import wait_until

ARRIVAL_SECONDS_MAX = 60.0
ANSWER_SECONDS_MAX = 5.0


def await_agents(plan: LabPlan) -> None:
    """Wait for all agents. LabError names the nodes whose agents do not connect, and the logs."""
    require_all(plan, lambda: hosts_that_report(plan))


def require_all(
    plan: LabPlan, hosts: Callable[[], set[str]], seconds_max: float = ARRIVAL_SECONDS_MAX
) -> None:
    """The same; `hosts` returns the addresses that report now."""
    expected = {node.address: node.name for node in plan.nodes if node.role == "agent"}
    if not wait_until(lambda: expected.keys() <= hosts(), seconds_max):
        missing = sorted(name for address, name in expected.items() if address not in hosts())
        raise LabError(
            f"no agent connects from {', '.join(missing)}: see their log/ and that of the control "
            f"service in {plan.folder}/nodes"
        )


def agents_here(nodes: Iterable[Mapping[str, Any]]) -> int:
    """How many of these nodes of the API have an agent that is connected."""
    return sum(not node.get("away") for node in nodes)


def hosts_that_report(plan: LabPlan) -> set[str]:
    """The addresses of the nodes that report to the control service; none while it is silent."""
    context = None
    if plan.certificates:
        below = plan.folder / FOLDER
        own = f"{below}/user-{READ_ONLY_USER}"
        context = ssl.create_default_context(cafile=str(below / "cluster.crt"))
        context.load_cert_chain(f"{own}.crt", f"{own}.key")
    handlers = [urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)]
    opener = urllib.request.build_opener(*handlers)
    try:
        with opener.open(f"{plan.api}/state/nodes", timeout=ANSWER_SECONDS_MAX) as answer:
            return {node["host"] for node in json.load(answer) if not node.get("away")}
    except OSError:
        return set()
