"""ISeal in memory: an authority that knows everybody's secret, and so what each has signed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from zope.interface import implementer

from flocker_lite.interfaces import ISeal
from flocker_lite.model.grants import Signed, Statement
from flocker_lite.model.records import NodeId

CONTROL = "control service"


@dataclass
class MemoryAuthority:
    """Hands out certificates, and calls them back; the name of one tells whose it is."""

    name: str = "authority"
    revoked: set[str] = field(default_factory=set)
    _secrets: dict[str, tuple[NodeId | None, str]] = field(default_factory=dict)

    def seal(self, node_id: NodeId | None = None) -> MemorySeal:
        """The seal of a node, or that of the control service, with a certificate of its own."""
        number = len(self._secrets) + 1
        certificate = f"certificate {number} of {node_id or CONTROL} by {self.name}"
        self._secrets[certificate] = node_id, f"secret {number}"
        return MemorySeal(self, certificate)

    def signature(self, certificate: str, statement: Statement) -> str:
        """What the owner of a certificate makes of a statement."""
        _, secret = self._secrets[certificate]
        return hashlib.sha256(secret.encode() + statement.text()).hexdigest()

    def objection(self, signed: Signed) -> str | None:
        """See ISeal."""
        certificate, statement = signed.certificate, signed.statement
        if certificate not in self._secrets:
            return f"{certificate} is not by the authority of this cluster"
        owner, _ = self._secrets[certificate]
        if owner != statement.released_by:
            return f"{owner or CONTROL} signed it, in the name of {statement.released_by}"
        if certificate in self.revoked:
            return f"{certificate} was revoked"
        if signed.signature != self.signature(certificate, statement):
            return "its signature is not that of its certificate"
        return None


@implementer(ISeal)
@dataclass
class MemorySeal:
    """Signs with the secret that belongs to its certificate."""

    authority: MemoryAuthority
    certificate: str

    def sign(self, statement: Statement) -> Signed:
        signature = self.authority.signature(self.certificate, statement)
        return Signed(statement, self.certificate, signature)

    def objection(self, signed: Signed) -> str | None:
        return self.authority.objection(signed)
