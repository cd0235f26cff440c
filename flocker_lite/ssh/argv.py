"""The command lines of ssh; pure. What is variable in them is validated by its type before."""

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
    """A file of known hosts, and the name in it that a node has: no other host keys count."""

    known_hosts_file: str
    name: str


@dataclass(frozen=True, slots=True)
class SshOptions:
    """How other nodes are reached; None leaves it to ssh's own configuration."""

    user: str = "root"
    port: int = 22
    identity_file: str | None = None
    pin: Pin | None = None


def control_session(options: SshOptions, address: str) -> tuple[str, ...]:
    """A session in which AMP is spoken with the agent at `address`."""
    return (*_ssh(options, address), RECEIVER, "control")


def stream_session(options: SshOptions, address: str, token: str) -> tuple[str, ...]:
    """A session whose stdin is the stream that the agent gave the token for."""
    if not _TOKEN.fullmatch(token):
        raise ValueError(f"not a token: {token!r}")
    return (*_ssh(options, address), RECEIVER, "stream", token)


def _ssh(options: SshOptions, address: str) -> tuple[str, ...]:
    if not _ADDRESS.fullmatch(address):
        raise ConfigurationFileError(f"not the address of a node: {address!r}")
    settings = {
        "BatchMode": "yes",
        "ConnectTimeout": str(CONNECT_TIMEOUT_SECONDS),
        "ServerAliveInterval": str(ALIVE_INTERVAL_SECONDS),
        "ServerAliveCountMax": str(ALIVE_COUNT_MAX),
        "ControlMaster": "no",
        "ControlPath": "none",
        # Hardware does AES; it is faster here than ssh's own first choice.
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
