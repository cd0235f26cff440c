"""The alert rules, the dashboard for Grafana, and their page in the documentation agree."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml
from docutils.nodes import make_id

from tests.monitoring.families import of_agent, of_both, of_control

ROOT = Path(__file__).resolve().parents[2]
MONITORING = ROOT / "packaging/monitoring"
DOCUMENT = (ROOT / "docs/monitoring.rst").read_text("utf-8")
NAME = re.compile(r"\bflocker_[a-z_]+")
SUFFIXES = re.compile(r"_(bucket|sum|count|total)$")


def rules() -> list[Any]:
    """All alert rules."""
    document = yaml.safe_load((MONITORING / "alerts.yml").read_text("utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def known() -> set[str]:
    """The names of all families that the two services have."""
    return {each.name for each in (*of_both(), *of_control(), *of_agent())}


def used(expressions: str) -> set[str]:
    """The families that expressions name."""
    return {SUFFIXES.sub("", name) for name in NAME.findall(expressions)}


def test_each_alert_is_explained() -> None:
    """In a section of its own, with what it means and what to do; and no other is."""
    sections = re.findall(r"^(Flocker\w+)\n-+\n\n(.+?)(?=^\S+\n[-=]+\n|\Z)", DOCUMENT, re.M | re.S)
    assert [name for name, _ in sections] == [rule["alert"] for rule in rules()]
    for name, said in sections:
        assert "What to do: " in said.replace("\n", " "), name


def test_each_alert_leads_to_its_section() -> None:
    """As HTML, where the control service serves the page."""
    for rule in rules():
        url = rule["annotations"]["runbook_url"]
        assert url.endswith(f"/docs/monitoring.html#{make_id(rule['alert'])}"), rule["alert"]


def test_each_alert_is_tested() -> None:
    """It fires in a test of promtool."""
    tests = yaml.safe_load(Path(__file__).with_name("alerts_test.yml").read_text("utf-8"))["tests"]
    fired = {
        each["alertname"]
        for test in tests
        for each in test["alert_rule_test"]
        if each["exp_alerts"]
    }
    assert fired == {rule["alert"] for rule in rules()}


def test_they_use_what_there_is() -> None:
    """Rules and dashboard ask for families that the services have."""
    expressions = "\n".join(rule["expr"] for rule in rules())
    board = json.loads((MONITORING / "grafana-dashboard.json").read_text("utf-8"))
    asked = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    assert len(asked) >= 12
    assert used(expressions + "\n".join(asked)) <= known()
