"""Docker's own client leaks the socket of a connection that fails; tests collect that at once."""

from __future__ import annotations

import gc
import warnings


def collect() -> None:
    """Collect the sockets, without the warnings about them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
