"""`admin/benchmark`: brings up a lab of its own, measures, prints a table and writes JSON."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path

from admin.bench import pause, push
from admin.hosts import Lab

SUBNET = "10.86.0.0/24"


def main(arguments: list[str]) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(
        prog="admin/benchmark",
        description="Measure flocker_lite beside what a skilled hand does in a shell, in one run. "
        "Machines differ and are noisy: the ratios are what counts.",
    )
    parser.add_argument("what", choices=["pause", "push"])
    parser.add_argument("--repeats", type=int, default=6, help="moves, or sends, of each kind")
    parser.add_argument("--size-mib", type=int, default=200, help="data that does not change")
    parser.add_argument("--subnet", default=SUBNET, help="IPv4 subnet of the lab")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    options = parser.parse_args(arguments)
    # A polite kill removes the lab as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with Lab("benchmark", options.subnet) as lab:
        if options.what == "pause":
            result = pause.pause(lab, options.repeats, options.size_mib)
            print(pause.table(result))
        else:
            result = push.push(lab, options.repeats, options.size_mib)
            print(push.table(result))
    if options.json is not None:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
