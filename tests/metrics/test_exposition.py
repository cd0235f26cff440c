"""How late the reactor is, and how metrics are written."""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.task import Clock

from flocker_lite import __version__
from flocker_lite.metrics.exposition import text
from flocker_lite.metrics.reactor_delay import LOOK_SECONDS, ReactorDelay


def samples(written: bytes) -> dict[str, float]:
    """What a scrape says, by name and labels."""
    return {
        sample.name + str(sorted(sample.labels.items()) or ""): sample.value
        for family in text_string_to_metric_families(written.decode())
        for sample in family.samples
    }


def test_a_blocked_reactor() -> None:
    """A call that comes late is counted with its delay; one in time with none."""
    clock, events = Clock(), CollectorRegistry()
    delay = ReactorDelay(clock, events)
    delay.startService()
    clock.advance(LOOK_SECONDS)
    clock.advance(LOOK_SECONDS + 0.3)
    said = samples(text([], events))
    assert said["flocker_reactor_delay_seconds_count"] == 2
    assert round(said["flocker_reactor_delay_seconds_sum"], 3) == 0.3
    delay.stopService()
    assert not clock.getDelayedCalls()


def test_the_release() -> None:
    """Each scrape says which release answers, and no series says when it was made."""
    said = samples(text([], CollectorRegistry()))
    assert said == {f"flocker_build_info[('version', '{__version__}')]": 1}


def test_hostile_labels() -> None:
    """Whatever is in a label, it stays one label of one line."""
    family = GaugeMetricFamily("flocker_x", "An x.", labels=["name"])
    names = ['a"} 1\nflocker_leader 0', "back\\slash", "\\n", "<script>", "é"]
    for number, name in enumerate(names):
        family.add_metric([name], number)
    said = samples(text([family], CollectorRegistry()))
    assert {
        f"flocker_x{[('name', name)]}": n for n, name in enumerate(names)
    }.items() <= said.items()
    assert len(said) == len(names) + 1
