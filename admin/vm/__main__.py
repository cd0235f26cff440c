"""`python3 -m admin.vm run -- CMD...`: run a command where OpenZFS is in the kernel."""

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from admin.vm.acceleration import best_accelerator
from admin.vm.errors import DidNotBoot, TimedOut, VirtualMachineError
from admin.vm.machine import VirtualMachine

TIMEOUT_SECONDS = 600
EXIT_TIMED_OUT = 124
EXIT_DID_NOT_BOOT = 125
EXIT_FAILED = 126

DESCRIPTION = f"""\
Run a command as root in a virtual machine with OpenZFS, in a copy of this checkout. The exit code
is the command's own, or {EXIT_TIMED_OUT} when the command took too long, {EXIT_DID_NOT_BOOT} when
the machine did not boot, and {EXIT_FAILED} when we could not build it or when it crashed. A message
on standard error then begins with "admin.vm:". In the guest $FLOCKER_LITE_SCRATCH_DISKS names empty
disks. The first run builds the images in some minutes, and keeps them under .cache/openzfs or
$FLOCKER_LITE_CACHE/openzfs.
"""


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python3 -m admin.vm", description=DESCRIPTION)
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("build", help="only make sure that the images are there")
    run = actions.add_parser("run", help="run a command")
    run.add_argument("--timeout-seconds", type=float, default=TIMEOUT_SECONDS)
    run.add_argument("--accelerator", choices=("auto", "kvm", "tcg"), default="auto")
    run.add_argument("command", nargs="+", metavar="CMD", help="after --")
    return parser


def main(argv: list[str]) -> int:
    """Do what the command line says; returns the exit code."""
    options = arguments().parse_args(argv)
    signal.signal(signal.SIGTERM, _leave)
    machine = VirtualMachine(Path.cwd(), progress=_Progress())
    try:
        if options.action == "build":
            machine.build()
            return 0
        machine = best_accelerator(machine, options.accelerator)
        finished = machine.run(
            options.command,
            timeout_seconds=options.timeout_seconds,
            stdout=sys.stdout.buffer,
            stderr=sys.stderr.buffer,
        )
    except VirtualMachineError as error:
        print(f"admin.vm: {error}", *getattr(error, "__notes__", ()), sep="\n", file=sys.stderr)
        return exit_code(error)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # Nobody reads any more; Python's own last flush must not complain about it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    return finished.exit_code


def exit_code(error: VirtualMachineError) -> int:
    """The exit code for a run whose command has none."""
    if isinstance(error, TimedOut):
        return EXIT_TIMED_OUT
    return EXIT_DID_NOT_BOOT if isinstance(error, DidNotBoot) else EXIT_FAILED


def _leave(number: int, frame: FrameType | None) -> None:
    """End by an exception, so that the machine is killed and its files are removed."""
    sys.exit(128 + number)


class _Progress:
    """Tells people on standard error what takes time, and since when we run."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self, message: str) -> None:
        seconds = time.monotonic() - self._began
        print(f"admin.vm: {seconds:4.0f} s: {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main(sys.argv[1:]))
