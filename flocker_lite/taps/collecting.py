"""Has Python look for garbage seldom: a control service holds much, and little is garbage.

Records and maps are never part of a cycle, so they are freed without the collector, which only
looks at all of them again and again: with ten thousand containers for a good part of a second.
"""

from __future__ import annotations

import gc

THRESHOLDS = (20_000, 20, 50)
"""So many more objects than before are looked at; every 20th time those of 20 times, and so on."""


def collect_seldom() -> None:
    """To be called once the configuration is loaded: what is there now is never looked at again."""
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
