"""How hard property tests try: the same few examples each time, or many (HYPOTHESIS_PROFILE)."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("default", max_examples=40, derandomize=True, deadline=None)
settings.register_profile("thorough", max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
