"""The files for Prometheus and Grafana: by the real promtool, and against the metrics and alarms that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from a1gateway.alarms.alarm import Alarm
from a1gateway.metrics import Metrics

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "monitoring"
RULES, TESTS = FOLDER / "a1gateway.rules.yml", FOLDER / "a1gateway.rules.test.yml"
DASHBOARD, SCRAPE = FOLDER / "a1gateway.dashboard.json", FOLDER / "prometheus.example.yml"
# Of a daemon that does not run, or does not look, nobody else can tell; how many are delivered needs their past.
FOR_PROMETHEUS_ALONE = {
    "A1gatewayDown",
    "A1gatewayRestarts",
    "A1gatewayDoesNotLook",
    "A1gatewayDeliveriesFall",
}


@cache
def rules() -> dict[str, dict[str, Any]]:
    """The alerts by their names."""
    (group,) = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    found = {rule["alert"]: rule for rule in group["rules"]}
    assert len(found) == len(group["rules"])
    return found


@cache
def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DASHBOARD.read_text("utf-8"))
    return found


def queries() -> Iterator[str]:
    """What the dashboard asks Prometheus for, with something in the place of Grafana's variables."""
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", []):
            yield target["expr"].replace("$__rate_interval", "5m").replace("$instance", ".*")


def exposed() -> set[str]:
    """The names of all series that there are."""
    names = set(re.findall(r"^# TYPE (\S+) ", Metrics().text().decode(), re.MULTILINE))
    histograms = set(re.findall(r"^# TYPE (\S+) histogram", Metrics().text().decode(), re.MULTILINE))
    return names | {f"{name}_{part}" for name in histograms for part in ("bucket", "sum", "count")}


def named(text: str) -> set[str]:
    """The metrics of ours in an expression."""
    return set(re.findall(r"\ba1gateway_[a-z0-9_]+", text))


def promtool(*arguments: object) -> str:
    """What promtool says; fails when it is not content."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not here (Debian: prometheus)")
    ended = subprocess.run(
        [program, *map(str, arguments)], cwd=FOLDER, text=True, capture_output=True, check=False, timeout=120
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


# Rules


def test_prometheus_accepts_the_rules_and_the_sample_of_its_configuration() -> None:
    assert f"{len(rules())} rules found" in promtool("check", "rules", RULES.name)
    promtool("check", "config", SCRAPE.name)


def test_each_alert_is_set_off_by_its_trouble_alone_and_clears() -> None:
    promtool("test", "rules", TESTS.name)
    tried = {each["name"]: each for each in yaml.safe_load(TESTS.read_text("utf-8"))["tests"]}
    assert tried.keys() == rules().keys()
    for name, each in tried.items():
        before, during, after = (one["exp_samples"] for one in each["promql_expr_test"])
        assert (before, after) == ([], [])
        assert [one["labels"] for one in during] == [f'{{alertname="{name}"}}']


def test_every_alarm_has_its_rule_by_the_same_name_and_no_other_claims_to_be_one() -> None:
    of_alarms = {rule["labels"]["alarm"]: rule for rule in rules().values() if "alarm" in rule["labels"]}
    assert of_alarms.keys() == {alarm.word for alarm in Alarm}
    for alarm in Alarm:
        rule = of_alarms[alarm.word]
        assert rule["alert"] == "A1gateway" + "".join(part.capitalize() for part in alarm.word.split("_"))
        assert rule["labels"]["severity"] == alarm.severity
    assert rules().keys() - {rule["alert"] for rule in of_alarms.values()} == FOR_PROMETHEUS_ALONE


def test_rules_ask_for_metrics_and_alarms_that_there_are() -> None:
    words = {alarm.word for alarm in Alarm}
    for name, rule in rules().items():
        metrics = named(rule["expr"])
        assert metrics - exposed() == set(), name
        assert metrics or "up{" in rule["expr"], name
        assert set(re.findall(r'alarm="(\w+)"', rule["expr"])) <= words


def test_every_alert_says_how_bad_it_is_what_has_happened_and_what_to_do() -> None:
    headings = re.findall(r"^#+ (.+)$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for name, rule in rules().items():
        assert rule["labels"]["severity"] in ("critical", "warning"), name
        assert rule["annotations"].keys() == {"summary", "description", "readme"}, name
        assert rule["annotations"]["readme"] in anchors, name
        for heading in re.findall(r'README, "([^"]+)"', rule["annotations"]["description"]):
            assert heading in headings, name
        assert "README" in rule["annotations"]["description"], name


# Dashboard


def test_the_dashboard_is_laid_out_without_overlaps_and_its_panels_are_told_apart() -> None:
    panels = dashboard()["panels"]
    assert isinstance(dashboard()["schemaVersion"], int)
    assert dashboard()["id"] is None
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [panel["gridPos"] for panel in panels]
    assert all(place["x"] >= 0 and place["x"] + place["w"] <= 24 and place["h"] > 0 for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one, other)


def test_the_dashboard_goes_by_the_data_source_that_is_chosen() -> None:
    variables = {each["name"]: each for each in dashboard()["templating"]["list"]}
    assert (variables["datasource"]["type"], variables["datasource"]["query"]) == ("datasource", "prometheus")
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    assert variables["instance"]["datasource"] == chosen
    for panel in dashboard()["panels"]:
        assert panel["type"] in ("row", "stat", "timeseries")
        if panel["type"] != "row":
            assert panel["datasource"] == chosen
            assert [target["datasource"] for target in panel["targets"]] == [chosen] * len(panel["targets"])
            references = [target["refId"] for target in panel["targets"]]
            assert len(set(references)) == len(references) > 0


def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    asked = named(" ".join([*queries(), json.dumps(dashboard()["templating"])])) - {"a1gateway"}
    assert asked - exposed() == set()
    # What is worth a rule is worth a look.
    worth = {"a1gateway_alarm", "a1gateway_a1_ok", "a1gateway_portal_ok", "a1gateway_balance_byn"}
    assert worth <= asked


def test_prometheus_understands_every_query_of_the_dashboard(tmp_path: Path) -> None:
    recorded = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries())]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": recorded}]}), "utf-8")
    assert f"{len(recorded)} rules found" in promtool("check", "rules", file)
