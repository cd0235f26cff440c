"""Shows a made-up move as flockerctl does; run at a terminal by test_terminal.py."""

from __future__ import annotations

import os
import time

from flocker_lite.cli.progress import progress_of
from flocker_lite.cli.session import Session

STEPS = 40
STEP_SECONDS = 0.02


def main() -> None:
    """Forty steps of a push, and a last line."""
    progress = progress_of(Session(os.environ))
    for step in range(STEPS):
        progress.show(
            {
                "phase": "pushing" if step < STEPS - 1 else "switching",
                "sent_bytes": step * 10**6,
                "expected_bytes": STEPS * 10**6,
                "rounds": [{"bytes_per_second": 10**6, "dirty_bytes_per_second": 10**4}]
                * (step // 10),
                "eta_seconds": STEPS - step,
                "predicted_pause_seconds": 0.25,
                "error": "a long error " * 20 if step == 20 else None,
            },
            "db",
        )
        time.sleep(STEP_SECONDS)
    progress.close()
    print("done")


if __name__ == "__main__":
    main()
