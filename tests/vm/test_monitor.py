"""A reset by the watchdog is told from every other way in which a machine stops."""

import pytest

from admin.vm.monitor import Monitor

GREETING = (
    b'{"QMP": {"version": {"qemu": {"major": 7}}, "capabilities": ["oob"]}}\r\n{"return": {}}\r\n'
)
EXPIRED = b'{"timestamp": {"seconds": 1}, "event": "WATCHDOG", "data": {"action": "reset"}}\r\n'
STOP = b'{"event": "STOP"}\r\n'


def stopped(reason: str) -> bytes:
    """What qemu says when it is about to exit."""
    return b'{"event": "SHUTDOWN", "data": {"guest": true, "reason": "%s"}}\r\n' % reason.encode()


def test_a_machine_that_runs() -> None:
    """Nothing is known of its end, not even when its watchdog has just expired."""
    monitor = Monitor()
    for said in (b"", GREETING, EXPIRED):
        monitor.hear(said)
        assert (monitor.why_stopped, monitor.is_reset_by_watchdog) == ("", False)


@pytest.mark.parametrize(
    ("said", "why", "is_by_watchdog"),
    [
        (EXPIRED + stopped("guest-reset") + STOP, "guest-reset", True),
        (stopped("guest-reset"), "guest-reset", False),
        (stopped("guest-shutdown"), "guest-shutdown", False),
        (EXPIRED.replace(b"reset", b"none") + stopped("guest-reset"), "guest-reset", False),
        (EXPIRED + stopped("host-signal"), "host-signal", False),
    ],
)
def test_why_it_stopped(said: bytes, why: str, is_by_watchdog: bool) -> None:
    """However the lines are cut."""
    for size in (1, 7, 1000):
        monitor = Monitor()
        everything = GREETING + said
        for at in range(0, len(everything), size):
            monitor.hear(everything[at : at + size])
        assert (monitor.why_stopped, monitor.is_reset_by_watchdog) == (why, is_by_watchdog)
