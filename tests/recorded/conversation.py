"""What two sides said to each other in AMP, byte by byte, in a file and out of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twisted.protocols import amp

HERE = Path(__file__).parent
ENCODING = "latin-1"
"""Each byte is one character of the file, so that it can be read."""

_UNHANDLED = {
    amp.ERROR: b"",
    amp.ERROR_CODE: amp.UNHANDLED_ERROR_CODE,
    amp.ERROR_DESCRIPTION: b"Unhandled Command",
}
"""What AMP answers to a command that it does not know."""


@dataclass
class Conversation:
    """A story of several links, in chapters, in the order in which the bytes were heard.

    `facts` are what the story chose at random, and what is said refers to.
    """

    facts: dict[str, str] = field(default_factory=dict)
    chapters: dict[str, list[tuple[str, str, bytes]]] = field(default_factory=dict)
    _chapter: str = ""

    def begin(self, chapter: str) -> None:
        """What is heard from now on belongs to this chapter."""
        self._chapter = chapter
        self.chapters[chapter] = []

    def hear(self, link: str, speaker: str, data: bytes) -> None:
        """Take down what a speaker said on a link."""
        self.chapters[self._chapter].append((link, speaker, data))

    def listen(self, link: str, speaker: str, listener: Any) -> None:
        """Take down all that a protocol gets to hear."""
        deliver = listener.dataReceived

        def heard(data: bytes) -> None:
            self.hear(link, speaker, data)
            deliver(data)

        listener.dataReceived = heard

    def boxes(self, chapter: str) -> Iterator[tuple[str, str, amp.AmpBox]]:
        """What was said in a chapter, each with the link that it was said on, and by whom."""
        for link, speaker, data in self.chapters[chapter]:
            yield from ((link, speaker, box) for box in amp.parseString(data))

    def save(self, path: Path) -> None:
        """Write it to a file."""
        chapters = {
            name: [[link, speaker, data.decode(ENCODING)] for link, speaker, data in said]
            for name, said in self.chapters.items()
        }
        value = {"facts": self.facts, "chapters": chapters}
        path.write_text(json.dumps(value, indent=1) + "\n", "ascii")

    @classmethod
    def load(cls, path: Path) -> Conversation:
        """Read it from a file."""
        value = json.loads(path.read_text("ascii"))
        chapters = {
            name: [(link, speaker, text.encode(ENCODING)) for link, speaker, text in said]
            for name, said in value["chapters"].items()
        }
        return cls(value["facts"], chapters)


_PING = b"Ping"


class StandIn:
    """One side of a link, as it was recorded: it asks what it asked, and answers as it answered.

    It knows of AMP what is in a box, and nothing of this release's commands. `heard` are the
    commands that the other side asked, `answers` what that answered.
    """

    def __init__(self, conversation: Conversation, link: str, speaker: str) -> None:
        self.heard: list[bytes] = []
        self.answers: list[amp.AmpBox] = []
        self._boxes: Any = None
        self._recorded: dict[bytes, list[amp.AmpBox]] = {}
        asked: dict[bytes, bytes] = {}
        for chapter in conversation.chapters:
            for where, who, box in conversation.boxes(chapter):
                if where == link and who != speaker and amp.ASK in box:
                    asked[box[amp.ASK]] = box[amp.COMMAND]
                elif where == link and who == speaker and amp.ANSWER in box:
                    self._recorded.setdefault(asked[box[amp.ANSWER]], []).append(box)

    def protocol(self) -> Any:
        """What is to be connected with the other side."""
        return amp.BinaryBoxProtocol(self)

    def ask(self, box: amp.AmpBox, told: dict[str, str]) -> None:
        """Ask what was asked; the words in `told` are replaced by others of the same length."""
        asked = amp.AmpBox(box)
        for key in asked:
            for old, new in told.items():
                assert len(old) == len(new)
                asked[key] = asked[key].replace(old.encode(), new.encode())
        self._boxes.sendBox(asked)

    def refused(self) -> list[amp.AmpBox]:
        """What the other side answered that is no answer."""
        return [box for box in self.answers if amp.ERROR in box]

    def startReceivingBoxes(self, sender: Any) -> None:
        self._boxes = sender

    def ampBoxReceived(self, box: amp.AmpBox) -> None:
        if amp.ASK not in box:
            self.answers.append(box)
            return
        command = box[amp.COMMAND]
        self.heard.append(command)
        # Every release answers a ping, also where none happened to be recorded.
        answers = [amp.AmpBox()] if command == _PING else self._recorded.get(command)
        if answers is None:
            answer = amp.AmpBox(_UNHANDLED)
            answer[amp.ERROR] = box[amp.ASK]
        else:
            # As it answered last, when it is asked more often than it was.
            answer = amp.AmpBox(answers.pop(0) if len(answers) > 1 else answers[0])
            answer[amp.ANSWER] = box[amp.ASK]
        self._boxes.sendBox(answer)

    def stopReceivingBoxes(self, reason: Any) -> None:
        """It hears no more."""
