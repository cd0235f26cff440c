"""Checks the text of ssh's public keys before we write it to a file that ssh trusts; pure."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterable

from flocker_lite.model.records import SshKeys

KEY_CHARACTERS_MAX = 4096
"""The longest key that OpenSSH accepts, RSA of 16,384 bits, has 2,700 characters."""
HOST_KEYS_MAX = 8

_KEY = re.compile(
    r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)) ([A-Za-z0-9+/]+={0,2})(?: [^\n]*)?\n?"
)
_LENGTH_BYTES = 4


def public_key(text: str) -> str:
    """The key in the text of a `.pub` file, without its comment; ValueError when it is no key."""
    match = _KEY.fullmatch(text) if len(text) <= KEY_CHARACTERS_MAX else None
    if match is None:
        raise ValueError(f"not a public key of ssh: {text[:100]!r}")
    kind = match[1]
    try:
        blob = b64decode(match[2], validate=True)
    except ValueError as error:
        raise ValueError(f"not a public key of ssh: {error}") from None
    # The key in base64 repeats its kind, so we check that too.
    named = len(kind).to_bytes(_LENGTH_BYTES) + kind.encode()
    if not blob.startswith(named) or len(blob) == len(named):
        raise ValueError(f"not a public key of ssh: the key itself is not of the kind {kind}")
    return f"{kind} {match[2]}"


def ssh_keys(public: str, host_keys: Iterable[str]) -> SshKeys:
    """The keys of a node, after checking each of them; ValueError says what is wrong."""
    checked = tuple(sorted({public_key(text) for text in host_keys}))
    if not 0 < len(checked) <= HOST_KEYS_MAX:
        raise ValueError(f"a node has 1 to {HOST_KEYS_MAX} host keys, not {len(checked)}")
    return SshKeys(public_key(public), checked)
