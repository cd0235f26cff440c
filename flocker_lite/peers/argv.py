"""Builds the command lines of ssh; pure. It checks every part that comes from outside."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flocker_lite.errors import ConfigurationFileError

CONNECT_TIMEOUT_SECONDS = 10
ALIVE_INTERVAL_SECONDS = 5
ALIVE_COUNT_MAX = 4
RECEIVER = "flocker-lite-receive"

_ADDRESS = re.compile(r"[0-9A-Za-z][0-9A-Za-z.:-]*")
_TOKEN = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Pin:
    """A file of known hosts, and a node's name in it; ssh accepts no other host keys."""

    known_hosts_file: str
    name: str


@dataclass(frozen=True, slots=True)
class SshOptions:
    """How ssh reaches other nodes; None leaves an option to ssh's own configuration.

    `sockets` is a folder for the sockets of connections that several sessions share; None for none.
    """

    user: str = "root"
    port: int = 22
    identity_file: str | None = None
    pin: Pin | None = None
    sockets: str | None = None


def control_session(
    options: SshOptions, address: str, socket: str | None = None
) -> tuple[str, ...]:
    """The command that starts a session which speaks AMP with the agent at `address`.

    At `socket` it takes in the sessions of streams, which then share its connection.
    """
    return (*_ssh(options, address, socket, is_master=socket is not None), RECEIVER, "control")


def stream_session(
    options: SshOptions, address: str, token: str, socket: str | None = None
) -> tuple[str, ...]:
    """The command that starts a session for the stream of this token, which it reads from stdin.

    If the connection behind `socket` cannot take it in, ssh makes one of its own.
    """
    if not _TOKEN.fullmatch(token):
        raise ValueError(f"not a token: {token!r}")
    return (*_ssh(options, address, socket), RECEIVER, "stream", token)


def _ssh(
    options: SshOptions, address: str, socket: str | None, is_master: bool = False
) -> tuple[str, ...]:
    if not _ADDRESS.fullmatch(address):
        raise ConfigurationFileError(f"not the address of a node: {address!r}")
    settings = {
        "BatchMode": "yes",
        "ConnectTimeout": str(CONNECT_TIMEOUT_SECONDS),
        "ServerAliveInterval": str(ALIVE_INTERVAL_SECONDS),
        "ServerAliveCountMax": str(ALIVE_COUNT_MAX),
        "ControlMaster": "yes" if is_master else "no",
        "ControlPath": socket if socket is not None else "none",
        # Hardware accelerates AES, which makes it faster here than ssh's own first choice.
        "Ciphers": "^aes128-gcm@openssh.com",
        "Compression": "no",
    }
    if options.pin is not None:
        settings |= {
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": options.pin.known_hosts_file,
            "GlobalKnownHostsFile": "none",
            "HostKeyAlias": options.pin.name,
            "CheckHostIP": "no",
            "UpdateHostKeys": "no",
            "VerifyHostKeyDNS": "no",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
        }
    words = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    identity = ("-i", options.identity_file) if options.identity_file is not None else ()
    target = f"{options.user}@{address}"
    return ("ssh", "-T", *words, "-p", str(options.port), *identity, target, "--")
