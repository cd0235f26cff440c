"""The grants that the control service signs, for their owners to keep beside their copies.

Presented to a control service that was restored from an old backup, a signed grant stands for all
that came before it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from flocker_lite.interfaces import ISeal
from flocker_lite.model.grants import Signed, Statement
from flocker_lite.model.records import DatasetId, Grant

SIGNED_MAX = 50_000
"""Signatures that are remembered; one that is forgotten is made anew, and told once more."""


@dataclass
class GrantSeal:
    """What this cluster's control service signs with its certificate's key."""

    seal: ISeal
    cluster_id: str
    _signed: OrderedDict[Statement, Signed] = field(default_factory=OrderedDict)

    def to_be_kept(
        self, dataset_id: DatasetId, grant: Grant, proof: Iterable[Signed]
    ) -> Signed | None:
        """The grant, signed; None when it is in the proof that its owner has, and still good."""
        statement = Statement(self.cluster_id, dataset_id, grant.owner, grant.epoch)
        for link in proof:
            if link.statement == statement and self.seal.objection(link) is None:
                return None
        known = self._signed.get(statement)
        if known is None or known.certificate != self.seal.certificate:
            known = self._signed[statement] = self.seal.sign(statement)
        self._signed.move_to_end(statement)
        if len(self._signed) > SIGNED_MAX:
            self._signed.popitem(last=False)
        return known
