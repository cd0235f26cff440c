"""ISigner in memory: the authority knows each signer's secret, so it can check signatures."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from zope.interface import implementer

from flocker_lite.interfaces import ISigner
from flocker_lite.model.grants import Signed, Statement
from flocker_lite.model.records import NodeId

CONTROL = "control service"


@dataclass
class MemoryAuthority:
    """Issues and revokes certificates; the name of a certificate says whose it is."""

    name: str = "authority"
    revoked: set[str] = field(default_factory=set)
    _secrets: dict[str, tuple[NodeId | None, str]] = field(default_factory=dict)

    def signer(self, node_id: NodeId | None = None) -> MemorySigner:
        """The signer of a node, or of the control service, with a new certificate."""
        number = len(self._secrets) + 1
        certificate = f"certificate {number} of {node_id or CONTROL} by {self.name}"
        self._secrets[certificate] = node_id, f"secret {number}"
        return MemorySigner(self, certificate)

    def signature(self, certificate: str, statement: Statement) -> str:
        """The signature of a certificate's owner for a statement."""
        _, secret = self._secrets[certificate]
        return hashlib.sha256(secret.encode() + statement.text()).hexdigest()

    def rejection_reason(self, signed: Signed) -> str | None:
        """See ISigner."""
        certificate, statement = signed.certificate, signed.statement
        if certificate not in self._secrets:
            return f"the authority of this cluster did not sign {certificate}"
        owner, _ = self._secrets[certificate]
        if owner != statement.released_by:
            return f"{owner or CONTROL} signed it in the name of {statement.released_by}"
        if certificate in self.revoked:
            return f"{certificate} was revoked"
        if signed.signature != self.signature(certificate, statement):
            return "its signature does not match its certificate"
        return None


@implementer(ISigner)
@dataclass
class MemorySigner:
    """Signs with the secret of its certificate."""

    authority: MemoryAuthority
    certificate: str

    def sign(self, statement: Statement) -> Signed:
        signature = self.authority.signature(self.certificate, statement)
        return Signed(statement, self.certificate, signature)

    def rejection_reason(self, signed: Signed) -> str | None:
        return self.authority.rejection_reason(signed)
