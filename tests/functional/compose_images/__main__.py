"""`python -m tests.functional.compose_images` builds what the functional tests have Docker load.

They would do it themselves. Ahead of them it takes the processors that other tests leave idle.
"""

from __future__ import annotations

from admin.hosts.images import cache
from admin.hosts.lab import CHECKOUT
from tests.functional.compose_images.building import build

if __name__ == "__main__":
    cache.ensure_images(CHECKOUT)
    build()
