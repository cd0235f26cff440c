"""The lab's names, addresses and network commands."""

from pathlib import Path

import pytest

from admin.hosts.errors import LabError
from admin.hosts.plan import LabPlan, make_plan, node_batches, switch_batches

CHECKOUT = Path("/checkout")
INTERFACE_NAME_CHARACTERS_MAX = 15


def plan_of(
    name: str = "lab",
    subnet: str = "10.77.0.0/24",
    agents: int = 2,
    checkout: Path = CHECKOUT,
    kernel_zfs: bool = False,
    controls: int = 1,
) -> LabPlan:
    """A plan in which only what a test is about differs from the usual."""
    return make_plan(
        checkout, name, subnet, agents, 8, kernel_zfs, certificates=False, control_count=controls
    )


def test_addresses_follow_the_role() -> None:
    """The registry is .9, the control service .10, and agents count up from .11."""
    addresses = {node.name: node.address for node in plan_of().nodes}
    assert addresses == {
        "registry": "10.77.0.9",
        "control": "10.77.0.10",
        "n1": "10.77.0.11",
        "n2": "10.77.0.12",
    }


def test_several_control_services() -> None:
    """They come before the registry; the first one stays where it is, and so do the agents."""
    addresses = {node.name: node.address for node in plan_of(agents=1, controls=3).nodes}
    assert addresses == {
        "registry": "10.77.0.9",
        "control": "10.77.0.10",
        "control2": "10.77.0.8",
        "control3": "10.77.0.7",
        "n1": "10.77.0.11",
    }
    for count in (0, 2, 4, 7):
        with pytest.raises(LabError, match="1, 3 or 5 control nodes"):
            plan_of(controls=count)


def test_labs_of_other_names_and_checkouts_share_no_name_on_the_machine() -> None:
    """Neither another name nor another checkout leads to the same namespaces."""
    plans = [plan_of(), plan_of(name="other"), plan_of(checkout=Path("/elsewhere"))]
    names = [node.namespace for plan in plans for node in plan.nodes]
    assert len(set(names)) == len(names)


def test_interface_names_fit_into_the_kernel() -> None:
    """Even the longest lab name with the most nodes gives interfaces of at most 15 characters."""
    plan = plan_of(name="a" * 20, agents=200)
    names = [plan.tag, *(node.port for node in plan.nodes)]
    assert max(map(len, names)) <= INTERFACE_NAME_CHARACTERS_MAX


def test_a_node_keeps_its_hardware_address_and_shares_it_with_none() -> None:
    """Peers must still know a node after a crash, so the address follows from the plan alone."""
    first, again = plan_of(agents=200), plan_of(agents=200)
    addresses = [node.hardware_address for node in first.nodes]
    assert addresses == [node.hardware_address for node in again.nodes]
    assert len(set(addresses)) == len(addresses)
    assert addresses[0] == "02:00:0a:4d:00:09"


def test_pools_have_one_name_only_where_each_node_has_its_own_zfs() -> None:
    """With ZFS in the kernel the nodes share it, so their pools have different names."""
    assert {node.pool for node in plan_of().nodes} == {"flocker"}
    pools = [node.pool for node in plan_of(kernel_zfs=True).nodes]
    assert pools[-2:] == ["lab-n1", "lab-n2"]


@pytest.mark.parametrize("name", ["", "-a", "Lab", "a/b", "..", "a" * 21, "a b"])
def test_a_name_that_could_leave_the_folder_is_refused(name: str) -> None:
    """Names are folder names and pool names, so they are short and plain."""
    with pytest.raises(LabError, match="lab name"):
        plan_of(name=name)


@pytest.mark.parametrize("subnet", ["10.77.0.0/16", "8.8.8.0/24", "10.77.0.5/24", "none"])
def test_a_subnet_that_is_no_private_24_is_refused(subnet: str) -> None:
    """The error says how a subnet is written."""
    with pytest.raises(LabError, match=r"10\.77\.0\.0/24"):
        plan_of(subnet=subnet)


def test_the_machine_itself_gets_nothing_but_one_cable() -> None:
    """All else of the switch lies in the lab's own namespace."""
    on_the_machine = [
        line
        for batch in switch_batches(plan_of(), with_ipv6=True)
        if batch.namespace is None
        for line in batch.lines
    ]
    tag = plan_of().tag
    assert [line.split()[:2] for line in on_the_machine] == [
        ["link", "add"],
        ["addr", "add"],
        ["addr", "add"],
        ["link", "set"],
    ]
    assert all(tag in line for line in on_the_machine)


def test_without_ipv6_no_command_mentions_it() -> None:
    """A kernel without IPv6 would refuse the whole batch."""
    plan = plan_of()
    batches = [*switch_batches(plan, with_ipv6=False)]
    for node in plan.nodes:
        batches += node_batches(plan, node, with_ipv6=False)
    assert not [line for batch in batches for line in batch.lines if "nodad" in line]
