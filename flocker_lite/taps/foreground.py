"""The commands `flocker-control` and `flocker-agent`: twistd in the foreground."""

from __future__ import annotations

import sys

from twisted.python import usage
from twisted.scripts import twistd


def run_in_foreground(name: str, options: usage.Options) -> None:
    """Be `twistd NAME` with the options of this process, until a signal; logs go to stdout.

    `options` are those of the plugin `name`: what is wrong with them, and their help, is told
    without twistd's own.
    """
    try:
        options.parseOptions()
    except usage.UsageError as error:
        sys.exit(f"{name}: {error}; `{name} --help` tells the options")
    sys.argv[1:] = ["--nodaemon", "--pidfile=", name, *sys.argv[1:]]
    twistd.run()
