"""Signs grants; their owners keep the signed grants beside their copies.

A control service that was restored from an old backup accepts such a grant as proof of everything
that led to it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from flocker_lite.interfaces import ISigner
from flocker_lite.model.grants import Signed, Statement
from flocker_lite.model.records import DatasetId, Grant

SIGNED_MAX = 50_000
"""Remembered signatures; a forgotten one is made and sent again."""


@dataclass
class GrantSigner:
    """Signs grants with the key of the control service's certificate."""

    signer: ISigner
    cluster_id: str
    _signed: OrderedDict[Statement, Signed] = field(default_factory=OrderedDict)

    def to_be_kept(
        self, dataset_id: DatasetId, grant: Grant, proof: Iterable[Signed]
    ) -> Signed | None:
        """The signed grant; None if the owner's `proof` already has it and it is still valid."""
        statement = Statement(
            self.cluster_id, dataset_id, grant.owner, grant.epoch, guid=grant.snapshot
        )
        for link in proof:
            if link.statement == statement and self.signer.rejection_reason(link) is None:
                return None
        known = self._signed.get(statement)
        if known is None or known.certificate != self.signer.certificate:
            known = self._signed[statement] = self.signer.sign(statement)
        self._signed.move_to_end(statement)
        if len(self._signed) > SIGNED_MAX:
            self._signed.popitem(last=False)
        return known
