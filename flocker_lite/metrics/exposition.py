"""Writes metrics as the text that Prometheus reads.

The library writes what was counted. The families of a scrape may have tens of thousands of samples,
of which it would check each; they are written here in a third of the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import prometheus_client
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.utils import floatToGoString

from flocker_lite import __version__

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_ESCAPED = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})

# The library would add a series for each counter that says when it began; nobody reads those.
prometheus_client.disable_created_metrics()


def text(families: Iterable[Metric], events: CollectorRegistry) -> bytes:
    """The text of these families, and of what was counted in `events`."""
    lines = [line for family in (build_info(), *families) for line in _lines(family)]
    return "".join(lines).encode() + generate_latest(events)


def build_info() -> Metric:
    """Which release this is."""
    family = GaugeMetricFamily(
        "flocker_build_info", "The release of flocker_lite; always 1.", labels=["version"]
    )
    family.add_metric([__version__], 1)
    return family


def _lines(family: Metric) -> Iterator[str]:
    name = f"{family.name}_total" if family.type == "counter" else family.name
    yield f"# HELP {name} {family.documentation}\n# TYPE {name} {family.type}\n"
    for sample in family.samples:
        labels = ",".join(
            [f'{key}="{value.translate(_ESCAPED)}"' for key, value in sample.labels.items()]
        )
        value = floatToGoString(sample.value) if sample.value else "0.0"
        yield f"{sample.name}{{{labels}}} {value}\n" if labels else f"{sample.name} {value}\n"
