"""The checks of a machine: those of an agent, and those of the control service."""

from __future__ import annotations

import os
import time

from flocker_lite.agent.checks import ClockCheck
from flocker_lite.config import AgentOptions
from flocker_lite.containers.docker_check import DockerCheck
from flocker_lite.interfaces import ICheck, IRouting
from flocker_lite.interfaces.threads import RunInThread
from flocker_lite.peers.sshd_check import SshdCheck
from flocker_lite.peers.trust import Trust
from flocker_lite.processes import Run
from flocker_lite.routing.firewall_check import FirewallCheck
from flocker_lite.routing.listeners import SsListeners
from flocker_lite.tls.certificate_check import CertificateCheck
from flocker_lite.tls.certificates import Certificates


def agent_checks(
    options: AgentOptions,
    certificates: Certificates | None,
    trust: Trust | None,
    routing: IRouting,
    run: Run,
    run_in_thread: RunInThread,
) -> tuple[ICheck, ...]:
    """Everything that an agent needs besides its storage, which has checks of its own."""
    return (
        ClockCheck(run_in_thread),
        CertificateCheck(certificates, time.time),
        DockerCheck(run_in_thread, options.docker_socket),
        FirewallCheck(routing, run, run_in_thread),
        SshdCheck(
            trust.files.authorized_keys if trust is not None else None,
            options.node,
            options.ssh_port,
            SsListeners(run, os.getpid()),
            run,
            run_in_thread,
        ),
    )


def control_checks(
    certificates: Certificates | None, run_in_thread: RunInThread
) -> tuple[ICheck, ...]:
    """Everything that a control service needs."""
    return ClockCheck(run_in_thread), CertificateCheck(certificates, time.time)
