"""Opens a daemon's certificates; it reloads them regularly, and at once on SIGHUP."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from flocker_lite.ca.claims import Kind
from flocker_lite.interfaces.reactor import IThreadReactor
from flocker_lite.interfaces.threads import RunInThread
from flocker_lite.tls.certificates import Certificates


async def open_certificates(
    directory: str, kind: Kind, reactor: IThreadReactor, run_in_thread: RunInThread
) -> Certificates:
    """Load and watch the files; CertificateError says what to do when they are invalid."""
    certificates = Certificates(Path(directory), kind, reactor, run_in_thread, time.time)
    await certificates.open()
    certificates.startService()
    signal.signal(signal.SIGHUP, lambda number, frame: reactor.callFromThread(certificates.reload))
    return certificates
