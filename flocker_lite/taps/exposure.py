"""Who may reach a service: whoever has a certificate; without certificates, only this machine.

The option `insecure` lets everybody in.
"""

from __future__ import annotations

import ipaddress
import re

from flocker_lite.errors import ConfigurationFileError

_LOOPBACK = {"tcp": "127.0.0.1", "tcp6": r"\:\:1"}
_SEPARATOR = re.compile(r"(?<!\\):")


def require_one(certificates: str | None, insecure: bool) -> None:
    """Raise ConfigurationFileError if a service gets both certificates and `insecure`."""
    if certificates is not None and insecure:
        raise ConfigurationFileError(
            "`certificates` and `insecure` exclude each other: leave out one of them"
        )


def on_loopback(description: str) -> str:
    """The Twisted endpoint, bound to the loopback interface if it names no interface itself.

    Raises ConfigurationFileError if it names an interface that other machines can reach.
    """
    kind, *words = _SEPARATOR.split(description)
    if kind == "unix":
        return description
    named = dict(word.split("=", 1) for word in words if "=" in word)
    unnamed = [word for word in words if "=" not in word]
    interface = named.get("interface", unnamed[1] if len(unnamed) > 1 else "")
    if kind in _LOOPBACK and not interface:
        return f"{description}:interface={_LOOPBACK[kind]}"
    if kind in _LOOPBACK and is_loopback(interface.replace("\\", "")):
        return description
    raise ConfigurationFileError(
        f"other machines can reach {description}, and there are no certificates: give the service "
        "certificates with --certificates, or let everybody in with --insecure"
    )


def require_loopback(control_host: str) -> None:
    """Raise ConfigurationFileError unless the control service is on this machine."""
    if not is_loopback(control_host):
        raise ConfigurationFileError(
            f"the control service at {control_host} is not on this machine, and there are no "
            "certificates: give the agent certificates with `certificates:`, or let it obey "
            "whoever answers there with `insecure: true`"
        )


def is_loopback(host: str) -> bool:
    """Whether the host is this machine, without asking a name server."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
