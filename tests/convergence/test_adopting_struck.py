"""An adoption is struck at each of its steps.

The old container runs again, or ours does, with all that was acknowledged; never both at once.
"""

from __future__ import annotations

import pytest

from tests.convergence.adopting import Adopted
from tests.convergence.strikes import KINDS, strike_each_call


@pytest.mark.parametrize("kind", KINDS)
def test_each_call(kind: str) -> None:
    """Whatever is struck, and at whichever call."""
    strike_each_call(Adopted, kind)
