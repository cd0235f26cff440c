"""What our certificates claim: who their owner is, in which cluster."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from enum import Enum
from uuid import UUID

from flocker_lite.errors import FlockerError

SCHEME = "flocker"

_USER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_HOST_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_HOST_CHARACTERS_MAX = 253
_CLUSTER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}")


class CertificateError(FlockerError):
    """A certificate, or a file that should be one, cannot be used for its purpose."""


class Kind(Enum):
    """The kind of a certificate's owner; the value is the certificate's word for it."""

    CLUSTER = "cluster"
    CONTROL = "control"
    NODE = "node"
    USER = "user"
    READER = "read-only-user"
    SECRETS_READER = "read-only-user-with-secrets"

    @property
    def words(self) -> str:
        """The kind in words for people."""
        words = {
            "control": "control service",
            "read-only-user": "read-only user",
            "read-only-user-with-secrets": "read-only user with secrets",
        }
        return words.get(self.value, self.value)

    @property
    def file_word(self) -> str:
        """The start of the file's name; the same for a user who may write and one who may not."""
        return "user" if self in (Kind.READER, Kind.SECRETS_READER) else self.value


@dataclass(frozen=True, slots=True)
class Claims:
    """Who the owner of a certificate is. `cluster_id` is the UUID of the authority's cluster.

    `name` is the UUID of a node, the first host name of a control service, the name of a user, or
    the name of the cluster.
    """

    kind: Kind
    name: str
    cluster_id: str

    def __str__(self) -> str:
        return f"{self.kind.words} {self.name}"


def checked(kind: Kind, name: str, cluster_id: str) -> Claims:
    """The claims, if a certificate can have them; else CertificateError that says what is wrong."""
    if not _is_uuid(cluster_id):
        raise CertificateError(f"{cluster_id!r} is not the UUID of a cluster")
    good, advice = {
        Kind.CLUSTER: (
            _CLUSTER_NAME.fullmatch(name) is not None,
            "up to 64 letters, digits, spaces and . _ -, the first one a letter or a digit",
        ),
        Kind.CONTROL: (is_host(name), "a host name or an IP address"),
        Kind.NODE: (_is_uuid(name), "a UUID in lower case"),
    }.get(
        kind,
        (
            _USER_NAME.fullmatch(name) is not None,
            "up to 64 letters, digits and . _ @ -, the first one a letter or a digit",
        ),
    )
    if not good:
        raise CertificateError(f"{name!r} cannot name a {kind.value}: use {advice}")
    return Claims(kind, name, cluster_id)


def to_uri(claims: Claims) -> str:
    """The URI that holds all claims of a certificate."""
    return f"{SCHEME}://{claims.cluster_id}/{claims.kind.value}/{_escaped(claims.name)}"


def from_uri(uri: str) -> Claims:
    """The claims in a URI that `to_uri` made; CertificateError for any other."""
    prefix, _, rest = uri.partition("://")
    parts = rest.split("/")
    if prefix != SCHEME or len(parts) != 3 or parts[1] not in {kind.value for kind in Kind}:
        raise CertificateError("it does not say who its owner is in a cluster of flocker_lite")
    return checked(Kind(parts[1]), parts[2].replace("%20", " "), parts[0])


def is_host(text: str) -> bool:
    """Whether this is a host name or an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        labels = text.split(".")
        return len(text) <= _HOST_CHARACTERS_MAX and all(map(_HOST_LABEL.fullmatch, labels))
    return True


def _escaped(name: str) -> str:
    # Of all characters that a name may have, only a space cannot be in a URI.
    return name.replace(" ", "%20")


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
