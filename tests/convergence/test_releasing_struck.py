"""A release is struck at each of its steps.

Ours runs again, or the plain container does, with all that was acknowledged; never both at once.
"""

from __future__ import annotations

import pytest

from flocker_lite.model.records import RestartPolicy
from tests.convergence.releasing import ALWAYS, Released
from tests.convergence.strikes import KINDS, strike_each_call


@pytest.mark.parametrize("kind", KINDS)
def test_each_call(kind: str) -> None:
    """Whatever is struck, and at whichever call."""
    # Ours has to come back whatever its policy says; after a power cut Docker follows that alone.
    policy = ALWAYS if kind == "power" else RestartPolicy("never")
    strike_each_call(lambda: Released(policy=policy), kind)
