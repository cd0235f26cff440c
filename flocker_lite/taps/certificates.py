"""The certificates of a daemon, which it looks at again by itself, and at once on SIGHUP."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

from flocker_lite.ca.claims import Kind
from flocker_lite.tls.certificates import Certificates, InThread


async def open_certificates(
    directory: str, kind: Kind, reactor: Any, in_thread: InThread
) -> Certificates:
    """Take them in, and start looking; CertificateError that says what to do about them."""
    certificates = Certificates(Path(directory), kind, reactor, in_thread, time.time)
    await certificates.open()
    certificates.startService()
    signal.signal(signal.SIGHUP, lambda number, frame: reactor.callFromThread(certificates.look))
    return certificates
