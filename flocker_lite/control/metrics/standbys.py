"""What a scrape says of the standbys of datasets; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from pyrsistent import pmap

from flocker_lite.control.cluster_state import ClusterState
from flocker_lite.control.http.bodies import Body
from flocker_lite.control.http.copies import RPO, SINCE, Reported, copies_of
from flocker_lite.model.records import Configuration, NodeId

STANDBYS_MAX = 10_000
"""Standbys that have series of their own; beyond it, the last ones by dataset have none."""

LABELS = ("dataset", "node")


def standby_families(
    configuration: Configuration, cluster: ClusterState, ahead_seconds: Mapping[NodeId, float]
) -> Iterator[Metric]:
    """When the newest complete set of each standby was taken, what it lacks, and what may lack."""
    taken = GaugeMetricFamily(
        "flocker_replica_snapshot_timestamp_seconds",
        "When the newest set that is complete at the standby was taken, in seconds since 1970; "
        "0 for none.",
        labels=LABELS,
    )
    lacking = GaugeMetricFamily(
        "flocker_replica_lag_bytes",
        "What the standby is known to lack, as of the last attempt that failed.",
        labels=LABELS,
    )
    accepted = GaugeMetricFamily(
        "flocker_replica_rpo_seconds", "The lag of the standby that is accepted.", labels=LABELS
    )
    left = STANDBYS_MAX
    for dataset_id in sorted(configuration.datasets):
        if not configuration.datasets[dataset_id].replicas or left <= 0:
            continue
        for copy in _standbys(configuration, cluster, dataset_id, ahead_seconds):
            labels = [dataset_id, copy["host"]]
            taken.add_metric(labels, copy.get(SINCE, 0))
            lacking.add_metric(labels, copy.get("lag_bytes", 0))
            accepted.add_metric(labels, copy[RPO])
            left -= 1
    yield taken
    yield lacking
    yield accepted


def _standbys(
    configuration: Configuration,
    cluster: ClusterState,
    dataset_id: str,
    ahead_seconds: Mapping[NodeId, float],
) -> Iterator[Body]:
    grant = configuration.grants.get(dataset_id)
    told = {
        standby: each
        for (reporter, standby), each in cluster.replications.get(dataset_id, pmap()).items()
        if grant is not None and reporter == grant.owner
    }
    reports = cluster.datasets.get(dataset_id, pmap())
    reported = Reported(reports, told, (), ahead_seconds)
    copies = copies_of(configuration, dataset_id, reported)
    return (copy for copy in copies if RPO in copy)
