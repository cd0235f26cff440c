"""What goes on in a thread beside a move."""

from __future__ import annotations

import threading

END_SECONDS_MAX = 10.0


class Background:
    """`go_on` is called in a thread from `start` to `stop`, and ends once `stopping` is set."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._thread = threading.Thread(target=self.go_on, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, after what is being done."""
        self.stopping.set()
        self._thread.join(END_SECONDS_MAX)

    def go_on(self) -> None:
        """What it does."""
        raise NotImplementedError
