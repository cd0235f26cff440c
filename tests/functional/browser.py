"""A real browser on the dashboard of a lab, with what tests ask of it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions, Keys
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from admin.hosts import Lab
from admin.hosts.certificates import FOLDER
from tests.functional.agents_lab import CHECKOUT, wait_for

AXE = CHECKOUT / "web/node_modules/axe-core/axe.min.js"
WIDE, NARROW = (1280, 900), (360, 740)
SECONDS_MAX = 20.0


class Page:
    """The dashboard in a browser."""

    def __init__(self, driver: Chrome, address: str) -> None:
        self.driver = driver
        self.base = address.partition("/?")[0]
        driver.get(address)
        self.shows("h1", "Overview")

    def open(self, route: str, heading: str) -> None:
        """Go to a screen, by its route such as "nodes/10.0.0.11"."""
        self.driver.execute_script("location.hash = '#/' + arguments[0]", route)
        self.shows("h1", heading)

    def all(self, selector: str) -> list[WebElement]:
        """What matches a CSS selector now."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        """The text of the first match; "" for none."""
        found: Any = self.driver.execute_script(
            "return document.querySelector(arguments[0])?.innerText ?? ''", selector
        )
        return str(found)

    def shows(self, selector: str, text: str, timeout_seconds: float = SECONDS_MAX) -> None:
        """Wait until a match has this text in it."""

        def is_there() -> bool:
            found: Any = self.driver.execute_script(
                "return [...document.querySelectorAll(arguments[0])].map((e) => e.innerText)",
                selector,
            )
            return any(text.lower() in each.lower() for each in found)

        try:
            wait_for(is_there, f"{text!r} in {selector}", timeout_seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; the page: {self.text('body')[:3000]}") from None

    def press(self, text: str, within: str = "body") -> None:
        """Press the button or the link with this text."""

        def pressed() -> bool:
            for element in self.all(f"{within} button, {within} a.button"):
                if element.is_displayed() and element.text == text and element.is_enabled():
                    element.click()
                    return True
            return False

        wait_for(pressed, f"a button {text!r}", SECONDS_MAX)

    def buttons(self) -> set[str]:
        """The texts of all buttons of the screen."""
        return {element.text for element in self.all("main button")}

    def key(self, *keys: str) -> None:
        """Press keys, wherever the focus is."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def violations(self, *rules: str) -> list[str]:
        """What axe-core finds wrong for people who use a keyboard or a screen reader."""
        self.driver.execute_script(AXE.read_text("utf-8"))
        found: Any = self.driver.execute_async_script(
            "axe.run(document, arguments[0]).then((r) => arguments[1](r.violations.map((v) =>"
            " v.id + ': ' + v.help + ' at ' + v.nodes.slice(0, 3).map((n) => n.html).join(' | ')"
            ")))",
            {"runOnly": list(rules)} if rules else {},
        )
        return list(found)

    def errors(self) -> list[str]:
        """What the browser itself complained of: scripts, and the Content-Security-Policy."""
        logs: Any = self.driver.get_log("browser")
        lines = [entry["message"] for entry in logs if entry["level"] == "SEVERE"]
        # A service that is down, or refuses, is what some tests are about.
        expected = ("Failed to load resource", "net::")
        return [line for line in lines if not any(each in line for each in expected)]

    def theme(self, name: str) -> None:
        """Show it light or dark."""
        self.driver.execute_script(f"document.documentElement.dataset.theme = '{name}'")

    def size(self, size: tuple[int, int]) -> None:
        """Give the page itself this size; a window cannot be as narrow as a telephone."""
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def overflows(self) -> bool:
        """Whether one would have to scroll sideways."""
        return bool(
            self.driver.execute_script(
                "return document.documentElement.scrollWidth > document.documentElement.clientWidth"
            )
        )

    def picture(self, path: Path) -> None:
        """Write a picture of what is seen."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.driver.save_screenshot(str(path))


POLICY = Path("/etc/chromium/policies/managed/flocker-lite-test.json")


@contextmanager
def own_certificate(address: str) -> Iterator[None]:
    """Have browsers show a site their only certificate without asking; nobody is there to click."""
    POLICY.parent.mkdir(parents=True, exist_ok=True)
    chosen = json.dumps({"pattern": address, "filter": {}})
    POLICY.write_text(json.dumps({"AutoSelectCertificateForUrls": [chosen]}))
    try:
        yield
    finally:
        POLICY.unlink()


@contextmanager
def browser(home: Path | None = None) -> Iterator[Chrome]:
    """Debian's chromium; with a `home`, it has the certificates that are there."""
    options = ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    environment = {**os.environ, **({} if home is None else {"HOME": str(home)})}
    driver = Chrome(options=options, service=Service("/usr/bin/chromedriver", env=environment))
    try:
        yield driver
    finally:
        driver.quit()


@contextmanager
def user_interface(lab: Lab, user: str) -> Iterator[str]:
    """`flockerctl ui` of a user; the address that it prints."""
    environment = {
        **os.environ,
        "FLOCKER_CONTROL_SERVICE": lab.plan.control_address,
        "FLOCKER_CERTS_PATH": str(lab.plan.folder / FOLDER),
        "FLOCKER_USER": user,
        "PYTHONUNBUFFERED": "1",
    }
    words = [str(CHECKOUT / ".venv/bin/flockerctl"), "ui", "--no-open"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


__all__ = ["NARROW", "WIDE", "Keys", "Page", "browser", "own_certificate", "user_interface"]
