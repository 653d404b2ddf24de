"""The alerts, by the real promtool: they are PromQL, and fire when they should and not before."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from kustomizing import DEPLOY

from ..controlplane.client import Object
from ..controlplane.conftest import tool

pytestmark = pytest.mark.controlplane

RULE = DEPLOY / "prometheus" / "rules.yaml"
DASHBOARD = DEPLOY / "grafana" / "bayplan.json"
VARIABLES = {"$job": ".*", "$__rate_interval": "5m", "$__range": "6h"}
THERE = {"bayplan_state_recomputes_total": "0+0.2x400"}
"""What every extender has."""
ONCE = "0x5 1x100"
"""Once, in the sixth minute; ``a+bx n`` as promtool's unit tests write series."""
WEEK_S, DAY_S, HOUR_S = 7 * 86400, 86400, 3600


@dataclass(frozen=True, slots=True)
class Case:
    """Series by a sample a minute, and alerts: none at ``quiet_m``, these at ``firing_m``."""

    series: dict[str, str]
    quiet_m: int
    firing_m: int
    also: tuple[str, ...] = ()


CASES = {
    "BayplanAbsent": Case({"up": "0x20"}, 9, 10),
    "BayplanNobodyLeads": Case(
        {'bayplan_leading{instance="a"}': "1x5 0x40", 'bayplan_leading{instance="b"}': "0x45"},
        10, 11),
    "BayplanWatchBroken": Case({'bayplan_watch_synced{kind="Pod"}': "1x5 0x20"}, 10, 11),
    "BayplanChangesLost": Case({"bayplan_watch_sink_errors_total": ONCE}, 5, 6),
    "BayplanStateDrift": Case({"bayplan_state_drift_nodes": "0x5 2x20"}, 5, 6),
    "BayplanPodsCrowded": Case({"bayplan_pods_crowded": "0x5 1x30"}, 20, 21),
    "BayplanGangInPart": Case({"bayplan_gangs_in_part_total": ONCE}, 5, 6),
    "BayplanCertificateExpires": Case(
        {"bayplan_extender_certificate_expiry_seconds": f"{WEEK_S + HOUR_S}x200"}, 120, 121),
    "BayplanCertificateExpiresSoon": Case(
        {"bayplan_extender_certificate_expiry_seconds": f"{DAY_S + HOUR_S // 2}x200"}, 30, 60,
        also=("BayplanCertificateExpires",)),
    "BayplanCertificateNotRead": Case(
        {'bayplan_extender_certificate_reloads_total{result="failed"}': ONCE}, 5, 6),
    "BayplanClientsRefused": Case(
        {'bayplan_extender_client_certificates_refused_total{why="expired"}': ONCE}, 10, 11),
    "BayplanApiForbids": Case(
        {'bayplan_api_requests_total{operation="bind", code="403"}': ONCE}, 10, 11),
    "BayplanApiErrors": Case(
        {'bayplan_api_requests_total{operation="bind", code="503"}': "0+1x40",
         'bayplan_api_requests_total{operation="bind", code="201"}': "0+18x40"}, 10, 12),
    "BayplanEventsLost": Case({"bayplan_api_events_lost_total": ONCE}, 5, 6),
    "BayplanInternalErrors": Case(
        {'bayplan_extender_errors_total{verb="filter", kind="internal"}': ONCE}, 5, 6),
    "BayplanCallsTimeOut": Case(
        {'bayplan_extender_errors_total{verb="filter", kind="timeout"}': ONCE}, 10, 11),
    "BayplanCallsSlow": Case(
        {f'bayplan_extender_call_seconds_bucket{{verb="filter", le="{le}"}}': f"0+{n}x40"
         for le, n in (("0.5", 97), ("1.0", 100), ("+Inf", 100))}, 10, 12),
}  # fmt: skip
QUIET = {
    "gangs that gather": {
        'bayplan_extender_errors_total{verb="bind", kind="refused"}': "0+10x60",
        **{f'bayplan_extender_call_seconds_bucket{{verb="bind", le="{le}"}}': f"0+{n}x60"
           for le, n in (("5.0", 0), ("+Inf", 100))},
    },
    "conflicts, and few errors": {
        'bayplan_api_requests_total{operation="bind", code="409"}': "0+10x60",
        'bayplan_api_requests_total{operation="bind", code="503"}': "0+1x60",
        'bayplan_api_requests_total{operation="bind", code="201"}': "0+90x60",
    },
    "watches between bookmarks, a certificate for a year, files read again": {
        'bayplan_watch_synced{kind="Node"}': "1x60",
        'bayplan_watch_stale_seconds{kind="Node"}': "200x60",
        "bayplan_extender_certificate_expiry_seconds": f"{365 * DAY_S}x60",
        'bayplan_extender_certificate_reloads_total{result="ok"}': "0+1x60",
    },
    "two Pods of which one leads, and then the other": {
        'bayplan_leading{instance="a"}': "1x20 0x40",
        'bayplan_leading{instance="b"}': "0x21 1x39",
    },
    "calls of a usual speed": {
        f'bayplan_extender_call_seconds_bucket{{verb="filter", le="{le}"}}': f"0+{n}x60"
        for le, n in (("0.005", 99), ("0.5", 100), ("+Inf", 100))
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def promtool() -> Path:
    return tool("promtool")


def run(promtool: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [promtool, *words], cwd=folder, env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def alerts() -> Object:
    return dict(yaml.safe_load(RULE.read_text(encoding="utf-8"))["spec"])


def written(folder: Path, name: str, told: Object) -> str:
    (folder / name).write_text(yaml.safe_dump(told), encoding="utf-8")
    return name


def test_the_alerts_are_rules_of_prometheus(promtool: Path, tmp_path: Path) -> None:
    done = run(promtool, tmp_path, "check", "rules", "--lint=all", "--lint-fatal",
               written(tmp_path, "rules.yaml", alerts()))  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    n = len(alerts()["groups"][0]["rules"])
    assert f"SUCCESS: {n} rules found" in done.stdout


def test_every_expression_of_the_dashboard_is_promql(promtool: Path, tmp_path: Path) -> None:
    rules = []
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        for target in panel.get("targets", ()):
            text = target["expr"]
            for name, value in VARIABLES.items():
                text = text.replace(name, value)
            assert "$" not in text
            rules.append({"record": f"panel:{panel['id']}:{target['refId']}", "expr": text})
    groups = {"groups": [{"name": "dashboard", "rules": rules}]}
    done = run(promtool, tmp_path, "check", "rules", written(tmp_path, "rules.yaml", groups))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"SUCCESS: {len(rules)} rules found" in done.stdout


def unit_test(series: dict[str, str], firing: dict[int, set[str]]) -> Object:
    """Return promtool's unit test: which alerts fire at which minutes."""
    return {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "1m",
        "tests": [{
            "interval": "1m",
            "input_series": [
                {"series": name, "values": values} for name, values in series.items()
            ],
            "promql_expr_test": [{
                "expr": 'group by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": f"{minute}m",
                "exp_samples": [
                    {"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(names)
                ],
            } for minute, names in firing.items()],
        }],
    }  # fmt: skip


def outcome(
    promtool: Path, folder: Path, series: dict[str, str], firing: dict[int, set[str]]
) -> subprocess.CompletedProcess[str]:
    written(folder, "rules.yaml", alerts())
    return run(promtool, folder, "test", "rules",
               written(folder, "cases.yaml", unit_test(series, firing)))  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_an_alert_fires_when_it_should_and_not_before(
    promtool: Path, tmp_path: Path, name: str
) -> None:
    case = CASES[name]
    series = case.series if name == "BayplanAbsent" else THERE | case.series
    firing = {case.quiet_m: set[str](), case.firing_m: {name, *case.also}}
    done = outcome(promtool, tmp_path, series, firing)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", QUIET)
def test_what_is_usual_fires_nothing(promtool: Path, tmp_path: Path, name: str) -> None:
    done = outcome(promtool, tmp_path, THERE | QUIET[name], {30: set(), 59: set()})
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case() -> None:
    assert set(CASES) == {rule["alert"] for rule in alerts()["groups"][0]["rules"]}


def test_a_case_that_expects_what_does_not_come_fails(promtool: Path, tmp_path: Path) -> None:
    done = outcome(promtool, tmp_path, THERE, {30: {"BayplanStateDrift"}})
    assert done.returncode == 1
