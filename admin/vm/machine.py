"""Boot the machine, run one command in a copy of the checkout, and pass on what it says."""

import os
import selectors
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from admin.vm import dependencies, host, job, qemu, system_image
from admin.vm.cache import Cache, cache_directory
from admin.vm.commands import DYING_WITH_PARENT, killed_at_the_end, tail
from admin.vm.conversation import Conversation, Port
from admin.vm.disk import MEBIBYTE
from admin.vm.errors import (
    DidNotBoot,
    GuestEnded,
    HostUnfit,
    ResetByWatchdog,
    TimedOut,
    VirtualMachineError,
)
from admin.vm.monitor import HELLO, Monitor

BOOT_SECONDS_MAX = 300
READ_BYTES_MAX = 1 << 16


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended, how long the boot took, and how long the command."""

    exit_code: int
    boot_seconds: float
    run_seconds: float


@dataclass(frozen=True, slots=True)
class Images:
    """The directories in the cache that a machine boots from."""

    system: Path
    dependencies: Path


def _quiet(message: str) -> None:
    """Say nothing about progress."""


@dataclass(frozen=True)
class VirtualMachine:
    """
    A machine with OpenZFS in its kernel, for one checkout; each run boots a fresh one.

    :param progress: we tell it in a few words what takes time.
    """

    checkout: Path
    hardware: qemu.Hardware = field(default_factory=qemu.Hardware)
    accelerator: qemu.Accelerator = "tcg"
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    progress: Callable[[str], None] = _quiet
    boot_seconds_max: float = BOOT_SECONDS_MAX

    @property
    def cache(self) -> Cache:
        """Where the images are."""
        return Cache(cache_directory(self.checkout, self.environment))

    def build(self) -> Images:
        """
        Make sure that the images are there.

        :raises VirtualMachineError: when we cannot build them.
        """
        host.prepare()
        try:
            lock = (self.checkout / dependencies.LOCK).read_text()
        except FileNotFoundError:
            raise HostUnfit(
                f"{self.checkout} has no {dependencies.LOCK}: run from a checkout's root"
            ) from None
        system = self.cache.obtain(
            "system",
            system_image.RECIPE,
            lambda directory: system_image.build(directory, self.progress),
        )
        site = self.cache.obtain(
            "dependencies",
            dependencies.recipe(lock),
            lambda directory: dependencies.build(lock, directory, self.progress),
        )
        return Images(system, site)

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_seconds: float,
        stdout: IO[bytes],
        stderr: IO[bytes],
    ) -> Finished:
        """
        Run a command as root in the guest, in its copy of the checkout.

        :param timeout_seconds: limits the command; the boot has a limit of its own.
        :raises DidNotBoot: when the guest does not reach the command.
        :raises TimedOut: when the command does not end in time.
        :raises GuestEnded: when the guest stops before the command's end; ResetByWatchdog when
            its watchdog has reset it.
        """
        images = self.build()
        with self.cache.run_directory() as directory:
            files = self._files(directory, images)
            devices = " ".join(self.hardware.scratch_devices())
            command = job.command_script(argv, [("FLOCKER_LITE_SCRATCH_DISKS", devices)])
            job.write_job(files.job, self.checkout, job.checkout_files(self.checkout), command)
            sinks = {Port.OUTPUT: stdout, Port.ERROR: stderr}
            with self._booted(files, directory) as (ports, monitor):
                try:
                    return _listen(ports, monitor, sinks, self.boot_seconds_max, timeout_seconds)
                except VirtualMachineError as error:
                    error.add_note(_evidence(directory))
                    raise

    def _files(self, directory: Path, images: Images) -> qemu.Files:
        count = self.hardware.scratch_disks
        scratch = tuple(directory / f"scratch{number}" for number in range(count))
        for path in scratch:
            with path.open("wb") as file:
                file.truncate(self.hardware.scratch_disk_gibibytes * 1024 * MEBIBYTE)
        return qemu.Files(
            system=images.system,
            job=directory / "job.tar",
            dependencies=images.dependencies / "disk",
            scratch=scratch,
            console=directory / "console",
            process_id=directory / "qemu.pid",
        )

    @contextmanager
    def _booted(
        self, files: qemu.Files, directory: Path
    ) -> Iterator[tuple[dict[Port, socket.socket], socket.socket]]:
        """Run qemu for this block; the sockets are the host's ends of its ports, and its own."""
        with ExitStack() as stack:
            pairs = [
                [stack.enter_context(end) for end in socket.socketpair()]
                for _ in (*Port, "monitor")
            ]
            descriptors = [theirs.fileno() for _, theirs in pairs]
            *ports, monitor = descriptors
            *of_guest, own = (ours for ours, _ in pairs)
            own.sendall(HELLO)
            argv = qemu.argv(self.hardware, self.accelerator, files, ports, monitor)
            try:
                process = subprocess.Popen(
                    (*DYING_WITH_PARENT, *argv),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=stack.enter_context((directory / "qemu.log").open("wb")),
                    # qemu puts there what the guest writes to the system's disk.
                    env={**self.environment, "TMPDIR": os.fspath(directory)},
                    pass_fds=descriptors,
                    start_new_session=True,
                )
            except OSError as error:
                raise DidNotBoot(f"can not start qemu: {error.strerror}") from error
            stack.enter_context(killed_at_the_end(process))
            for _, theirs in pairs:
                theirs.close()
            yield dict(zip(Port, of_guest, strict=True)), own


def _listen(
    ports: Mapping[Port, socket.socket],
    monitor: socket.socket,
    sinks: Mapping[Port, IO[bytes]],
    boot_seconds_max: float,
    timeout_seconds: float,
) -> Finished:
    """Pass on what the guest says until the command has ended or the time is over."""
    conversation, machine = Conversation(), Monitor()
    began = started = time.monotonic()
    with selectors.DefaultSelector() as selector:
        for port, end in ports.items():
            selector.register(end, selectors.EVENT_READ, port)
        selector.register(monitor, selectors.EVENT_READ)
        while (ended := conversation.completed) is None:
            if not selector.get_map():
                raise _ended_early(conversation.started, machine)
            allowed = timeout_seconds if conversation.started else boot_seconds_max
            remaining = started + allowed - time.monotonic()
            ready = selector.select(remaining) if remaining > 0 else []
            if not ready:
                raise _too_late(conversation.started, allowed)
            in_guest = conversation.started
            for registered, _ in ready:
                data = _read(registered.fd)
                if not data:
                    selector.unregister(registered.fd)
                    continue
                if registered.data is None:
                    machine.hear(data)
                    continue
                conversation.hear(registered.data, data)
                if registered.data in sinks:
                    sinks[registered.data].write(data)
                    sinks[registered.data].flush()
            if conversation.started and not in_guest:
                started = time.monotonic()
    return Finished(ended.exit_code, started - began, time.monotonic() - started)


def _read(descriptor: int) -> bytes:
    """What has come; nothing once qemu has exited, whether it had read all of ours or not."""
    try:
        return os.read(descriptor, READ_BYTES_MAX)
    except ConnectionResetError:
        return b""


def _too_late(started: bool, allowed_seconds: float) -> VirtualMachineError:
    if started:
        return TimedOut(
            f"the command was still running after {allowed_seconds:.0f} seconds: "
            "allow more with --timeout-seconds"
        )
    return DidNotBoot(f"the guest did not reach the command within {allowed_seconds:.0f} seconds")


def _ended_early(started: bool, machine: Monitor) -> VirtualMachineError:
    how = f" ({machine.why_stopped})" if machine.why_stopped else ""
    if not started:
        return DidNotBoot(f"the machine stopped before it reached the command{how}")
    if machine.is_reset_by_watchdog:
        return ResetByWatchdog("the watchdog reset the machine while the command ran")
    return GuestEnded(f"the guest stopped before the command's exit code was known{how}")


def _evidence(directory: Path) -> str:
    """What qemu and the guest's kernel said last."""
    parts = []
    for name in ("qemu.log", "console"):
        path = directory / name
        if path.exists():
            with path.open("rb") as file:
                parts.append(f"--- end of {name}:\n{tail(file)}")
    return "\n".join(parts)
