"""Who reaches a service: with certificates whoever has one, without them this machine alone.

Unless it was said that everybody may.
"""

from __future__ import annotations

import ipaddress
import re

from flocker_lite.errors import ConfigurationFileError

_LOOPBACK = {"tcp": "127.0.0.1", "tcp6": r"\:\:1"}
_SEPARATOR = re.compile(r"(?<!\\):")


def require_one(certificates: str | None, insecure: bool) -> None:
    """ConfigurationFileError when a service is told to be secure and not to be."""
    if certificates is not None and insecure:
        raise ConfigurationFileError("with certificates nothing is insecure: leave out one of both")


def on_loopback(description: str) -> str:
    """An endpoint of Twisted that only this machine reaches, where it names no interface itself.

    Raises ConfigurationFileError for one that others may reach.
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
        f"others than this machine may reach {description}, and there are no certificates: give "
        "the service some with --certificates, or let in everybody with --insecure"
    )


def require_loopback(control_host: str) -> None:
    """ConfigurationFileError unless the control service is on this machine."""
    if not is_loopback(control_host):
        raise ConfigurationFileError(
            f"the control service at {control_host} is not on this machine, and there are no "
            "certificates: give the agent some with `certificates:`, or let it obey whoever "
            "answers there with `insecure: true`"
        )


def is_loopback(host: str) -> bool:
    """Whether this names the machine itself, whatever a name server says."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
