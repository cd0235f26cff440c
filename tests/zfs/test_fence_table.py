"""What a deadline fence decides: orders and their answers, and when a container is due."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker_lite.zfs.fence_table import INSTANCES_MAX, DeadlineTable, Phase, line, read

ARM = {"arm": "shop", "filesystems": ["pool/d"], "until": 10.0}


@pytest.fixture
def table() -> DeadlineTable:
    """One with a deadline at 10."""
    table = DeadlineTable()
    assert table.obey(ARM, 1.0) == {"done": True}
    return table


def test_a_container_is_due_at_its_deadline(table: DeadlineTable) -> None:
    assert (table.due(9.9), table.due(10.0)) == ([], ["shop"])
    assert (table.seconds_left(4.0), DeadlineTable().seconds_left(4.0)) == (6.0, None)


def test_a_container_of_many_processes_is_due_earlier(table: DeadlineTable) -> None:
    """What was due before is killed before, so its processes count too; later ones do not."""
    table.obey({**ARM, "arm": "blog", "until": 11.0}, 1.0)
    table.obey({**ARM, "arm": "wiki", "until": 20.0}, 1.0)
    for name, count in (("shop", 100), ("blog", 2400), ("wiki", 2400)):
        table.deadlines[name].processes = count
    assert (table.due(8.9), table.due(9.0)) == ([], ["shop", "blog"])
    assert table.seconds_to_wait(4.0) == 5.0
    assert "no" not in table.obey({**ARM, "until": 30.0}, 8.9)


def test_a_deadline_is_never_brought_forward(table: DeadlineTable) -> None:
    table.obey({**ARM, "until": 30.0}, 2.0)
    table.obey({**ARM, "until": 20.0}, 3.0)
    assert table.due(29.9) == []


def test_what_is_due_cannot_be_renewed(table: DeadlineTable) -> None:
    """It is ended first, even if nobody has begun with that."""
    assert "no" in table.obey({**ARM, "until": 30.0}, 10.0)
    table.deadlines["shop"].phase = Phase.ENDING
    assert "no" in table.obey({**ARM, "until": 30.0}, 11.0)
    table.ended(["shop"])
    assert "no" not in table.obey({**ARM, "until": 30.0}, 12.0)
    assert table.due(29.0) == []


def test_what_is_disarmed_while_it_is_ended_is_ended_all_the_same(table: DeadlineTable) -> None:
    """And forgotten afterwards; it is not armed anew in between."""
    table.deadlines["shop"].phase = Phase.ENDING
    assert table.obey({"disarm": "shop"}, 11.0) == {"done": True}
    assert "no" in table.obey({**ARM, "until": 30.0}, 11.0)
    table.ended(["shop"])
    assert table.deadlines == {}


def test_the_newest_instances_are_guarded(table: DeadlineTable) -> None:
    for number in range(2 * INSTANCES_MAX):
        table.obey({"guard": "shop", "instance": f"i{number}"}, 2.0)
    assert table.deadlines["shop"].instances[-1] == f"i{2 * INSTANCES_MAX - 1}"
    assert len(table.deadlines["shop"].instances) == INSTANCES_MAX


def test_a_container_can_be_made_due(table: DeadlineTable) -> None:
    """Once: what is ended already stays as it is."""
    assert table.end_now("shop")
    assert table.due(2.0) == ["shop"]
    table.deadlines["shop"].phase = Phase.ENDED
    assert not table.end_now("shop")
    assert not table.end_now("blog")


_ORDERS = st.dictionaries(
    st.sampled_from(["arm", "guard", "disarm", "deadlines", "filesystems", "until", "instance"]),
    st.none() | st.text(max_size=3) | st.floats() | st.lists(st.text(max_size=3)),
)


@given(st.lists(_ORDERS, max_size=5))
def test_no_order_does_harm(orders: list[dict[str, object]]) -> None:
    """A fence that failed would take its containers with it: it answers no."""
    table = DeadlineTable()
    for order in orders:
        assert table.obey(order, 1.0)
    assert all(each.until > 1.0 for each in table.deadlines.values())


@given(st.binary())
def test_no_line_does_harm(text: bytes) -> None:
    assert isinstance(read(text), dict)


def test_a_line_is_read_as_it_was_sent() -> None:
    assert read(line(ARM)) == ARM


def test_an_order_of_a_later_release_is_refused(table: DeadlineTable) -> None:
    """And what it says besides an order that is known is ignored."""
    assert "no" in table.obey({"hibernate": "shop"}, 2.0)
    assert table.obey({"disarm": "shop", "gently": True}, 2.0) == {"done": True}
