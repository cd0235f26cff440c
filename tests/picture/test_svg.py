"""The picture of a recording: it is well formed, it is what was recorded, and it is not large."""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from admin.picture.__main__ import PICTURE, RECORDING, drawn, main
from admin.picture.svg import LAST_SECONDS, picture, thinned
from admin.picture.terminal import screens
from admin.story.recorder import Recording

SVG = "{http://www.w3.org/2000/svg}"
BYTES_MAX = 60_000
SAMPLE = Recording(
    *(40, 24, "flockerctl move a<b"),
    (
        (0.0, "$ flockerctl move a<b\r\n"),
        (0.5, "\x1b[1mpushing\x1b[0m"),
        (0.51, "\r\x1b[2Kswitching"),
        (2.0, "\r\x1b[2K\x1b[32m####\x1b[0m   done & over\r\n"),
    ),
)


def texts(svg: str) -> list[str]:
    """The lines of text in the picture."""
    root = ElementTree.fromstring(svg)
    return ["".join(each.itertext()) for each in root.iter(f"{SVG}text")]


def test_the_sample(tmp_path: Path) -> None:
    """The script draws a recording; everything in it is there, and nothing is a script."""
    recording, svg = tmp_path / "sample.cast", tmp_path / "sample.svg"
    SAMPLE.save(recording)
    assert Recording.load(recording) == SAMPLE
    assert main(["--draw-only", "--recording", str(recording), "--picture", str(svg)]) == 0
    text = svg.read_text("utf-8")
    assert {"$ flockerctl move a<b", "####   done & over"} <= set(texts(text))
    assert "<script" not in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


def test_its_time() -> None:
    """Is the time of the recording, and a while for the end; what nobody sees is left out."""
    found = list(screens(SAMPLE.width, SAMPLE.events))
    assert [at for at, _ in thinned(found)] == [0.0, 0.51, 2.0]
    assert f"play {2.0 + LAST_SECONDS:.2f}s" in picture("title", 40, found)


def test_the_picture_of_the_readme() -> None:
    """It is drawn from the recording beside it, so that it shows what was recorded."""
    text = PICTURE.read_text("utf-8")
    assert text == drawn(RECORDING), "admin/recording --draw-only makes it anew"
    assert len(text.encode()) < BYTES_MAX
    lines = texts(text)
    assert any(line.startswith("$ flockerctl move postgres --to ") for line in lines)
    assert any("total pause" in line for line in lines)
    readme = (PICTURE.parents[2] / "README.rst").read_text("utf-8")
    assert "docs/pictures/move.svg" in readme


def test_the_script() -> None:
    """Says what it does."""
    checkout = PICTURE.parents[2]
    assert "admin.picture" in (checkout / "admin/recording").read_text()
    subprocess.run(["sh", "-n", str(checkout / "admin/recording")], check=True)
