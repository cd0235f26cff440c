"""Measures the dashboard in a browser, on a large cluster none of whose agents is there.

That is the worst case: everything has an error, so nothing is short.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from admin.bench.fleet import content
from admin.bench.service import ControlProcess
from flocker_lite.control.absences import ARRIVAL_SECONDS_MAX

SCROLL_SECONDS = 5
SHOWN_SECONDS_MAX = 60.0

SCROLL = """
const [seconds, done] = arguments, box = document.querySelector(".rows-box"), gaps = [];
const end = performance.now() + seconds * 1000;
let last = performance.now();
const turn = (now) => {
  gaps.push(now - last);
  last = now;
  box.scrollTop = (box.scrollTop + 400) % box.scrollHeight;
  performance.now() < end ? requestAnimationFrame(turn) : done(gaps.slice(1));
};
requestAnimationFrame(turn);
"""


def dashboard(agents: int, containers: int) -> dict[str, Any]:
    """The figures of a cluster with so many nodes, and containers on each."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flocker-bench-")))
        control = ControlProcess(directory, content(agents, containers, 0))
        stack.callback(control.stop)
        control.start()
        # Until then the service does not complain about missing agents.
        time.sleep(ARRIVAL_SECONDS_MAX + 1)
        driver = _browser()
        stack.callback(driver.quit)
        return {"agents": agents, "containers": agents * containers, **_measured(driver, control)}


def _browser() -> Chrome:
    options = ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(word)
    return Chrome(options=options, service=Service("/usr/bin/chromedriver"))


def _measured(driver: Chrome, control: ControlProcess) -> dict[str, Any]:
    driver.get(f"http://127.0.0.1:{control.port}/")
    loaded, painted = _mark(driver, "loaded"), _mark(driver, "painted")
    driver.execute_script("location.hash = '#/containers'")
    _wait(lambda: bool(driver.execute_script("return !!document.querySelector('.rows-box')")))
    driver.set_script_timeout(SCROLL_SECONDS * 4)
    gaps: Any = driver.execute_async_script(SCROLL, SCROLL_SECONDS)
    gaps = sorted(gaps)
    rows: Any = driver.execute_script("return document.querySelectorAll('.row').length")
    return {
        "loaded_milliseconds": loaded,
        "first_paint_after_data_milliseconds": painted - loaded,
        "frames": len(gaps),
        "frame_p50_milliseconds": gaps[len(gaps) // 2],
        "frame_longest_milliseconds": gaps[-1],
        "rows_in_the_page": rows,
    }


def _mark(driver: Chrome, name: str) -> float:
    """When the page set this mark, in milliseconds since it was asked for."""
    script = f"return performance.getEntriesByName({name!r})[0]?.startTime ?? 0"
    _wait(lambda: bool(driver.execute_script(script)))
    return float(driver.execute_script(script))


def _wait(good: Any) -> None:
    ends = time.monotonic() + SHOWN_SECONDS_MAX
    while not good():
        if time.monotonic() > ends:
            raise RuntimeError("the dashboard does not show what it should")
        time.sleep(0.05)


def table(result: dict[str, Any]) -> str:
    """The figures for people."""
    lines = [f"{result['agents']} nodes, {result['containers']} containers"]
    for name, words in (
        ("loaded_milliseconds", "all data there, ms"),
        ("first_paint_after_data_milliseconds", "first paint after that, ms"),
        ("frame_p50_milliseconds", "frame while scrolling, p50 ms"),
        ("frame_longest_milliseconds", "the longest frame, ms"),
        ("rows_in_the_page", "rows in the page"),
    ):
        lines.append(f"  {words:32}{result[name]:>10.1f}")
    return "\n".join(lines)
