"""`python -m flocker_lite`: the configuration of a control service, out as YAML and in again."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from flocker_lite import __version__
from flocker_lite.control.store import content
from flocker_lite.errors import FlockerError
from flocker_lite.taps.stores import StoreAddress

DATA_PATH = "/var/lib/flocker-lite"


def main(arguments: Sequence[str], stdin: TextIO, stdout: TextIO, stderr: TextIO) -> int:
    """Do what the command line says; the exit code."""
    options = parser().parse_args(arguments)
    try:
        if options.command == "export":
            stdout.write(content.to_yaml(_store(options).read(), options.secrets))
        else:
            _store(options).fill(content.from_yaml(stdin.read()))
    except FlockerError as error:
        stderr.write(f"flocker_lite {options.command}: {error}\n")
        return 1
    return 0


def _store(options: argparse.Namespace) -> StoreAddress:
    text = options.store or f"sqlite:{options.data_path}"
    return StoreAddress(text, options.etcd_certificates, options.etcd_prefix)


def parser() -> argparse.ArgumentParser:
    """What the command line may say."""
    parser = argparse.ArgumentParser(prog="python -m flocker_lite", description=__doc__)
    parser.add_argument("--version", action="version", version=f"flocker_lite {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("export", "Write the whole configuration to stdout, also while the service runs."),
        ("import", "Read what export wrote from stdin into an empty store; the service is down."),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument(
            "--data-path",
            type=Path,
            default=Path(DATA_PATH),
            help="Directory of the durable store (%(default)s).",
        )
        command.add_argument("--store", help="Instead: etcd:URL,URL,... as flocker-control has it.")
        command.add_argument("--etcd-certificates", type=Path, help="As flocker-control has it.")
        command.add_argument(
            "--etcd-prefix", default="/flocker-lite/", help="The same (%(default)s)."
        )
        if name == "export":
            command.add_argument(
                "--secrets",
                action="store_true",
                help="With the values of secrets: whoever reads the output knows them.",
            )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdin, sys.stdout, sys.stderr))
