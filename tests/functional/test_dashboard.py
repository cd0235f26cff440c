"""The dashboard in a real browser, on a lab with certificates: every screen, and events."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from admin.hosts import Lab
from admin.hosts.arrivals import agents_here
from admin.hosts.certificates import READ_ONLY_USER, USER, curl_options
from admin.story.player import Player
from tests.functional.agents_lab import Cluster, wait_for
from tests.functional.browser import (
    NARROW,
    WIDE,
    Keys,
    Page,
    browser,
    own_certificate,
    user_interface,
)
from tests.functional.browser_certificates import home_of

SUBNET = "10.82.62.0/24"
PICTURES = os.environ.get("FLOCKER_LITE_PICTURES")
"""A folder: `admin/pictures` sets it to have pictures of each screen there."""

EVIL = "<script>document.title='evil'</script><img src=x onerror=\"document.title='evil'\">"
NOISE = f"printf '\\033[31mred\\033[0m \\033]0;evil\\007%s\\n' \"{EVIL}\"; sleep 100000"
DATA_MIB = 60


class Shown(Cluster):
    """A lab with something of everything, and a browser on it."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        self.player = Player(lab.plan.api, lambda text: None, curl_options(lab.plan))
        self.first, self.second = self.node("n1").address, self.node("n2").address
        self.shop = ""

    def furnish(self) -> None:
        """A redis with data, one with a hostile name, one that cannot start."""
        self.player.poll("/state/nodes", lambda nodes: agents_here(nodes) == 2)
        self.shop = self.dataset("n1", metadata={"name": "shop", EVIL: EVIL})
        volumes = [{"dataset_id": self.shop, "mountpoint": "/data"}]
        ports = [{"internal": 6379, "external": 6379}]
        self.create("n1", "redis", command_line=None, ports=ports, volumes=volumes)
        self.create("n2", "noisy", command_line=["sh", "-c", NOISE])
        self.create("n2", "broken", image="nothing:here")

        def is_there() -> bool:
            path = f"/flocker/{self.shop}"
            done = self.node("n1").run(["mountpoint", "-q", path], check=False)
            return done.returncode == 0

        wait_for(is_there, "the dataset")
        file = f"of=/flocker/{self.shop}/ballast"
        self.node("n1").run(["dd", "if=/dev/urandom", file, "bs=1M", f"count={DATA_MIB}"])

    def stand_by(self) -> None:
        """Have the first node keep a copy of the redis of the second one."""
        replicas = {"nodes": [self.first], "rpo_seconds": 5}
        self.player.post(f"/configuration/datasets/{self.shop}", {"replicas": replicas})
        path = "/configuration/containers/redis/failover?dry_run=1"
        wait_for(lambda: self.player.post(path, {}).get("possible"), "a standby")

    def screens(self) -> list[tuple[str, str]]:
        """The routes of all screens, and their headings."""
        return [
            ("", "Overview"),
            ("nodes", "Nodes"),
            (f"nodes/{self.first}", self.first),
            ("containers", "Containers"),
            ("containers/redis", "redis"),
            ("containers/noisy", "noisy"),
            ("moves", "Moves"),
            ("datasets", "Datasets"),
            (f"datasets/{self.shop}", "shop"),
            ("applications", "Applications"),
            ("events", "Events"),
            ("settings", "Settings"),
        ]


@pytest.fixture(scope="module")
def shown() -> Iterator[Shown]:
    """The lab."""
    with Lab("test-dashboard", SUBNET, certificates=True, pulled=True) as lab:
        shown = Shown(lab)
        shown.furnish()
        yield shown


@pytest.fixture(scope="module")
def page(shown: Shown) -> Iterator[Page]:
    """The dashboard of a user who may change things."""
    with ExitStack() as stack:
        address = stack.enter_context(user_interface(shown.lab, USER))
        page = Page(stack.enter_context(browser()), address)
        page.size(WIDE)
        yield page


def photograph(page: Page, name: str) -> None:
    """Keep pictures of what is seen, if somebody asked for them: light, dark, and narrow."""
    if PICTURES is None:
        return
    for theme in ("light", "dark"):
        page.theme(theme)
        page.picture(Path(PICTURES) / f"{name}-{theme}.png")
    page.theme("light")
    page.size(NARROW)
    page.picture(Path(PICTURES) / f"{name}-narrow.png")
    page.size(WIDE)


def test_every_screen(shown: Shown, page: Page) -> None:
    """axe-core finds nothing wrong with any of them, light, dark or as narrow as a telephone."""
    found = []
    for route, heading in shown.screens():
        page.open(route, heading)
        photograph(page, route.partition("/")[0] + ("-one" if "/" in route else "") or "overview")
        found += [f"{route}: {each}" for each in page.violations()]
        page.theme("dark")
        found += [f"{route}, dark: {each}" for each in page.violations("color-contrast")]
        page.theme("light")
        page.size(NARROW)
        if page.overflows():
            found.append(f"{route}: wider than a telephone")
        page.size(WIDE)
    assert found == []
    assert page.errors() == []


def test_what_is_wrong_comes_first(shown: Shown, page: Page) -> None:
    """The overview begins with the container that cannot be started, and leads to it."""
    page.open("", "Overview")
    page.shows(".findings", "Container broken")
    page.all(".findings a")[0].click()
    page.shows("h1", "broken")
    page.shows(".problem", "nothing:here")


def test_hostile_texts(shown: Shown, page: Page) -> None:
    """What a cluster says is shown as text, and runs nowhere; escape codes are left out."""
    page.open("containers/noisy", "noisy")
    page.shows(".output", "<script>")
    assert "\x1b" not in page.text(".output")
    assert page.text(".output").startswith("red <script>")
    page.open(f"datasets/{shown.shop}", "shop")
    page.shows("dd", "<script>")
    page.open(f"containers/{EVIL.replace('/', '%2F')}", "<script>")
    assert page.driver.title != "evil"
    assert page.errors() == []


def test_with_the_keyboard(page: Page) -> None:
    """A slash finds the search; a dialog has the focus, and Escape closes it."""
    page.open("containers", "Containers")
    page.key("/")
    page.key("brok")
    wait_for(lambda: len(page.all(".rows a[href*=containers]")) == 1, "one row")
    page.all(".rows a[href*=containers]")[0].send_keys(Keys.ENTER)
    page.shows("h1", "broken")
    page.press("Stop…")
    page.shows("dialog", "Its clients are cut off")
    page.key(Keys.ESCAPE)
    wait_for(lambda: not page.all("dialog"), "no dialog")


def test_a_move(shown: Shown, page: Page) -> None:
    """It is agreed to with figures, watched to its end, and leaves a receipt."""
    page.open("containers/redis", "redis")
    page.press("Move…")
    page.shows("dialog", shown.second)
    page.all("dialog input[type=radio]")[0].click()
    page.shows("dialog .forecast", "to send")
    assert "MiB" in page.text("dialog .forecast")
    photograph(page, "move-dialog")
    page.press("Move it", within="dialog")
    page.shows("h1", "Move of redis")
    page.shows(".card", "sent of", 30)
    photograph(page, "move-under-way")
    page.shows(".title .badge", "done", 90)
    page.shows(".pause", "in all")
    page.shows(".rounds", "MiB")
    page.shows("#receipt", "Receipt")
    photograph(page, "move-done")
    assert page.violations() == []
    page.open("containers/redis", "redis")
    page.shows("dd", shown.second)
    page.open("events", "Events")
    page.shows("table", "update container")


def test_the_documentation(page: Page) -> None:
    """Help leads to it; it is found in by a word, and the browser has nothing to refuse."""
    (link,) = page.all("header a[href='docs/']")
    dashboard = page.driver.current_url
    page.driver.get(str(link.get_attribute("href")))
    page.shows("h1", "flocker_lite")
    assert page.driver.execute_script("return document.images[0].naturalWidth") > 0
    page.all("#searchbox input[name=q]")[0].send_keys("watchdog", Keys.ENTER)
    page.shows("#search-results", "fencing")
    page.all("#search-results li a")[0].click()
    page.shows("body", "watchdog")
    page.driver.get(page.base + "/docs/explanation/comparison.html")
    page.shows("h1", "Compared with others")
    assert page.errors() == []
    page.driver.get(dashboard)
    page.shows("#link-state", "live")


def test_a_restart_of_the_control_service(shown: Shown, page: Page) -> None:
    """The page says that it is gone, goes on showing what it knows, and is live again."""
    page.open("", "Overview")
    page.shows("#link-state", "live")
    shown.node("control").stop_service("flocker-control")
    page.shows("#link-state", "no connection")
    page.shows(".away", "does not answer")
    page.shows("h3", shown.first)
    shown.node("control").start_service("flocker-control")
    page.shows("#link-state", "live", 40)
    assert not page.all(".away")
    assert page.errors() == []


def test_a_read_only_user(shown: Shown) -> None:
    """Sees the same, and no action that is not allowed."""
    with user_interface(shown.lab, READ_ONLY_USER) as address, browser() as driver:
        page = Page(driver, address)
        page.shows(".user", "read-only")
        for route, heading in shown.screens():
            page.open(route, heading)
            assert page.buttons() <= {"Examine"}, route
        page.open("containers/noisy", "noisy")
        page.shows(".empty", "does not show what containers write")
        # The address worked once.
        driver.get(address)
        driver.delete_all_cookies()
        driver.get(page.base)
        assert "it can be used once" in page.text("body")


def test_a_certificate_of_its_own(shown: Shown, tmp_path: Path) -> None:
    """A browser that took in the file of `flocker-ca export` needs nothing in between."""
    home = home_of(shown.lab, READ_ONLY_USER, tmp_path)
    address = f"{shown.lab.plan.api.removesuffix('v1')}"
    with own_certificate(address), browser(home) as driver:
        page = Page(driver, address)
        page.shows(".user", f"{READ_ONLY_USER} (read-only)")
        page.shows("#link-state", "live")
        page.open("containers/redis", "redis")
        assert page.errors() == []


def test_a_failover(shown: Shown, page: Page) -> None:
    """A node loses power while one looks; what would be lost is said, and a standby takes over.

    The node is marked as away, and what ran there is what is wrong.
    """
    shown.stand_by()
    page.open(f"nodes/{shown.second}", shown.second)
    page.shows(".title .badge", "up")
    shown.node("n2").crash()
    # The control service looks for an agent that it told something.
    shown.create("n2", "late")
    page.shows(".title .badge", "away", 60)
    page.open("", "Overview")
    page.shows(".findings", f"Node {shown.second} is away")
    photograph(page, "overview-away")
    page.open("containers/redis", "redis")
    page.press("Fail over…")
    page.shows("dialog .forecast", f"takes over from {shown.second}")
    page.shows("dialog .forecast", "lost at most, since")
    photograph(page, "failover-dialog")
    assert page.violations() == []
    page.all("dialog input[type=checkbox]")[0].click()
    page.press("Fail over", within="dialog")
    page.shows("h1", "Failover of redis", 30)
    page.shows(".title .badge", "done", 90)
    page.shows("#receipt", "Receipt")
    photograph(page, "failover-done")
    page.open("containers/redis", "redis")
    page.shows(".title .badge", "running", 60)
    page.shows("dd", shown.first)
    page.open("events", "Events")
    page.shows("table", "fail over")
    assert page.errors() == []


def test_a_forgotten_node(shown: Shown, page: Page) -> None:
    """It leaves the nodes for the list of the forgotten ones, and may be let in again."""
    shown.player.delete(f"/configuration/nodes/{shown.second}?force=true")
    page.open("nodes", "Nodes")
    page.shows("[aria-labelledby=forgotten]", shown.second)
    wait_for(lambda: shown.second not in page.text(".rows"), "one node less")
    photograph(page, "nodes-forgotten")
    assert page.violations() == []
    page.press("Readmit…")
    page.press("Readmit", within="dialog")
    wait_for(lambda: not page.all("[aria-labelledby=forgotten]"), "no forgotten node")
    assert page.errors() == []
