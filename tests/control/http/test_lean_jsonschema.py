"""What the control service imports of jsonschema."""

from __future__ import annotations

import subprocess
import sys

IMPORT = "import flocker_lite.taps.control, sys; print('lark' in sys.modules)"


def said(script: str) -> str:
    """What a fresh interpreter prints."""
    argv = [sys.executable, "-c", script]
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout


def test_no_grammar_is_made() -> None:
    """The service starts without the seconds that a grammar of IRIs would take."""
    assert said(IMPORT) == "False\n"
