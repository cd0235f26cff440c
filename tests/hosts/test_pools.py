"""Pools of the lab's nodes."""

from admin.hosts.pools import unmounted


def test_what_is_mounted_when_a_node_starts() -> None:
    """Only what is not mounted and may be; `noauto` is the agent's business."""
    listed = "p\ton\tyes\np/a\ton\tno\np/b\tnoauto\tno\np/c\toff\tno\n"
    assert unmounted(listed) == ["p/a"]
