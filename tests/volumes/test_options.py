"""The options of `docker volume create`, and of `driver_opts` in Compose."""

from __future__ import annotations

import pytest

from flocker_lite.model.volume_failover import VolumeFailover
from flocker_lite.model.volumes import FOLLOW, REFUSE
from flocker_lite.volumes.errors import VolumeError
from flocker_lite.volumes.options import VolumeOptions, volume_options

FAILOVER = {"failover": "automatic", "replicas": "10.0.0.2"}


def test_defaults() -> None:
    """Nothing is destroyed, nobody is stopped, and the dataset is called as the volume."""
    assert volume_options("shop_db", {}) == VolumeOptions("shop_db", None, False, REFUSE)


def test_all() -> None:
    """Each option says what it is called."""
    given = {"name": "db", "size": "10g", "on_remove": "destroy", "conflict": "follow"}
    given |= {"replicas": "10.0.0.2, 10.0.0.3", "rpo": "1m"}
    standbys = ("10.0.0.2", "10.0.0.3")
    wanted = VolumeOptions("db", 10 * 2**30, True, FOLLOW, standbys, 60.0)
    assert volume_options("shop_db", given) == wanted


def test_failover() -> None:
    """As long as for containers, unless it is said."""
    assert volume_options("db", FAILOVER).failover == VolumeFailover(30, 120)
    given = {**FAILOVER, "failover_after": "1m", "max_lag": "1h"}
    assert volume_options("db", given).failover == VolumeFailover(60, 3600)
    assert volume_options("db", {"failover": "manual"}).failover is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"size": "tiny"}, "64m or more"),
        ({"size": "1k"}, "64m or more"),
        ({"on_remove": "maybe"}, "forget or destroy"),
        ({"conflict": "fight"}, "refuse or follow"),
        ({"name": "a b"}, "no name for a dataset"),
        ({"sise": "10g"}, "unknown option sise; known are name, size"),
        ({"failover": "automatic"}, "needs the option replicas"),
        ({"failover": "perhaps"}, "manual or automatic"),
        ({**FAILOVER, "failover_after": "1s"}, "5 to 3600 whole seconds"),
        ({**FAILOVER, "failover_after": "5500ms"}, "5 to 3600 whole seconds"),
        ({**FAILOVER, "max_lag": "soon"}, "whole seconds, such as 30s"),
        ({"max_lag": "1m"}, "needs failover=automatic"),
        ({"rpo": "soon"}, "30s or 5m"),
        ({"rpo": "1s"}, "30s or 5m"),
    ],
)
def test_mistakes(given: dict[str, str], words: str) -> None:
    """A wrong option is refused with what it could be."""
    with pytest.raises(VolumeError, match=words):
        volume_options("db", given)
