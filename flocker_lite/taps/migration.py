"""`flocker-control migrate`: moves the configuration from one kind of store to the other."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from flocker_lite.errors import ConfigurationFileError, FlockerError
from flocker_lite.taps.stores import StoreAddress

COMMAND = "migrate"


def migrate(arguments: Sequence[str], stdout: TextIO, stderr: TextIO) -> int:
    """Do what the command line says; the exit code."""
    options = parser().parse_args(arguments)
    source, target = (
        StoreAddress(text, options.etcd_certificates, options.etcd_prefix)
        for text in (options.source, options.target)
    )
    try:
        if (source.directory is None) == (target.directory is None):
            raise ConfigurationFileError("one of both is sqlite:DIRECTORY, the other etcd:URL,...")
        content, generation = source.read_stopped()
        target.fill(content, generation)
    except FlockerError as error:
        stderr.write(f"flocker-control {COMMAND}: {error}\n")
        return 1
    count = len(content.configuration.containers)
    stdout.write(
        f"moved cluster {content.cluster_id} with {count} containers to {target.text}\n"
        f"{source.text} still has it as it was: start no control service on that any more\n"
    )
    return 0


def parser() -> argparse.ArgumentParser:
    """What the command line may say."""
    parser = argparse.ArgumentParser(
        prog=f"flocker-control {COMMAND}",
        description="Move the configuration to another store. All control services are stopped.",
    )
    for name, destination in (("--from", "source"), ("--to", "target")):
        parser.add_argument(
            name, dest=destination, metavar="STORE", required=True, help=_WHAT_A_STORE_IS
        )
    parser.add_argument(
        "--etcd-certificates", type=Path, help="Directory of ca.crt, client.crt and client.key."
    )
    parser.add_argument(
        "--etcd-prefix", default="/flocker-lite/", help="As flocker-control has it."
    )
    return parser


_WHAT_A_STORE_IS = "sqlite:DIRECTORY, or etcd:https://HOST:2379,https://HOST:2379,..."
