"""deploy/alerts: every rule names metrics that a service exports, and docs/operations.md names every rule's metric."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from services.notifications.deliveries.wiring import MailMeasures
from shared.consuming.projection import ANOTHER_INSTITUTION, IMPLAUSIBLE_SEQUENCE
from shared.telemetry import Metrics

ROOT = Path(__file__).parent.parent.parent
RULES: list[dict[str, Any]] = [
    rule
    for file in sorted((ROOT / "deploy" / "alerts").glob("*.yaml"))
    for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]


def _registry() -> CollectorRegistry:
    """The metrics of every service, and those of mail."""
    registry = Metrics().registry
    MailMeasures(registry)
    return registry


EXPORTED = {sample.name for metric in _registry().collect() for sample in metric.samples} | {
    metric.name for metric in _registry().collect()
}


def named(rule: dict[str, Any]) -> set[str]:
    return set(re.findall(r"preceptor_\w+", rule["expr"]))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_names_metrics_that_are_exported_and_documented(rule: dict[str, Any]) -> None:
    operations = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert named(rule)
    assert named(rule) <= EXPORTED
    assert all(name in operations for name in named(rule))
    assert rule["annotations"]["summary"]


def test_facts_that_are_not_published_raise_an_alert() -> None:
    assert any("preceptor_outbox_pending_age_seconds" in named(rule) for rule in RULES)
    assert any("preceptor_relay_leads" in named(rule) for rule in RULES)


@pytest.mark.parametrize("reason", [ANOTHER_INSTITUTION, IMPLAUSIBLE_SEQUENCE])
def test_records_that_are_parked_as_forged_raise_an_alert(reason: str) -> None:
    selected = [re.search(r'preceptor_parked_records\{reason=~"([^"]+)"', rule["expr"]) for rule in RULES]
    assert any(found and re.fullmatch(found[1], reason) for found in selected)
