"""A dataset as the user asked for it; each of its fields is declared here, and only here."""

from __future__ import annotations

from dataclasses import dataclass, field

from pyrsistent import PMap, pmap

from flocker_lite.model import replicas, volume_failover
from flocker_lite.model.fields import NULL_IS_REFUSED, described, reference, whole
from flocker_lite.model.identities import DatasetId, NodeId
from flocker_lite.model.quantities import size, size_bytes
from flocker_lite.model.replicas import Replicas
from flocker_lite.model.volume_failover import VolumeFailover


@dataclass(frozen=True, slots=True)
class Dataset:
    """A body of data, and the node that should have its primary.

    `maximum_size` is in bytes; None means no limit. A deleted dataset keeps its record until a
    user has it purged.
    """

    dataset_id: DatasetId = field(
        metadata=described(
            "Its UUID; one is made unless it is given.",
            reference("UUID"),
            identity=True,
            always=True,
            leads=True,
        )
    )
    primary: NodeId = field(
        metadata=described(
            "The node that has it mounted: its address, host name or UUID.",
            reference("NodeName"),
            reference("Address"),
            parse=str,
            is_node=True,
            required=True,
            leads=True,
        )
    )
    metadata: PMap[str, str] = field(
        default_factory=pmap,
        metadata=described(
            "Words of your own; the key `name` is what flockerctl knows it by.",
            {
                "type": "object",
                "maxProperties": 16,
                "x-words": "an object of at most 16 keys, each with a text",
                "x-key-words": "a key of 1 to 256 characters, all in one line",
                "patternProperties": {"^.{1,256}$": {"type": "string", "maxLength": 256}},
                "additionalProperties": False,
            },
            parse=pmap,
            render=dict,
            always=True,
            null=NULL_IS_REFUSED,
        ),
    )
    maximum_size: int | None = field(
        default=None,
        metadata=described(
            "The most bytes that it may have.",
            size(
                64 * 2**20,
                doc="Bytes; at least 64 MiB. Left out, there is no limit.",
                words='a whole number of bytes, 67108864 (64 MiB) or more, or a text such as "10g"',
            ),
            whole(64 * 2**20, doc="Bytes; at least 64 MiB. Left out, there is no limit."),
            parse=size_bytes,
            null="null lifts the limit.",
            leads=True,
        ),
    )
    deleted: bool = field(
        default=False,
        metadata=described(
            "Whether it is to be destroyed.", None, {"type": "boolean"}, always=True
        ),
    )
    replicas: Replicas | None = field(
        default=None,
        metadata=described(
            "The nodes that stand by with a copy of it, and how fresh the copies are to be.",
            replicas.REQUEST,
            replicas.ANSWER,
            parse=replicas.parse,
            names_nodes=replicas.render,
            null="null has nobody stand by any more; the copies stay.",
            protocol=replicas.REPLICAS_PROTOCOL,
        ),
    )
    failover: VolumeFailover | None = field(default=None, metadata=volume_failover.FAILOVER)
