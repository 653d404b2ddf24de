"""The dashboard and the alerts name series that the extender has, by labels that these have."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from extender_metrics import parsed, problems, registered
from kustomizing import DEPLOY

Object = dict[str, Any]

DASHBOARD: Object = json.loads((DEPLOY / "grafana" / "bayplan.json").read_text(encoding="utf-8"))
RULE: Object = yaml.safe_load((DEPLOY / "prometheus" / "rules.yaml").read_text(encoding="utf-8"))
GUIDE = DEPLOY.parents[1] / "docs" / "troubleshooting.md"
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
ALERTS = [alert for group in RULE["spec"]["groups"] for alert in group["rules"]]
UNITS = {"short", "s", "ops", "reqps", "eps", "bytes"}
"""Of Grafana's that are used: a misspelt one would be shown as text."""


def targets() -> list[Any]:
    return [
        pytest.param(target, id=f"{panel['title']}-{target['refId']}")
        for panel in PANELS
        for target in panel["targets"]
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sum by (state) (bayplan_gpus)", []),
        ("sum by (stat) (bayplan_gpus)", ["bayplan_gpus has no label stat"]),
        ('bayplan_gpus{stat="idle"}', ["bayplan_gpus has no label stat"]),
        ("bayplan_gpu", ["there is no series bayplan_gpu"]),
        ("rate(bayplan_decisions[5m])", ["there is no series bayplan_decisions"]),
        ("rat(bayplan_decisions_total[5m])", ["no function rat"]),
        (
            "histogram_quantile(0.9, sum by (le) (rate(bayplan_extender_call_seconds_sum[5m])))",
            ["bayplan_extender_call_seconds_sum has no label le"],
        ),
        ("time() > 3", ["names no series"]),
    ],
)
def test_what_is_misspelt_is_found(text: str, said: list[str]) -> None:
    assert problems(text) == said


def test_labels_of_all_kinds_of_series_are_known() -> None:
    known = registered()
    assert known["bayplan_watch_stale_seconds"] == {"kind"}
    assert known["bayplan_api_requests_total"] == {"operation", "code"}
    assert known["bayplan_extender_call_seconds_bucket"] == {"verb", "le"}
    assert known["bayplan_holds"] == frozenset()


@pytest.mark.parametrize("target", targets())
def test_an_expression_of_the_dashboard_names_what_there_is(target: Object) -> None:
    assert problems(target["expr"]) == []
    told = parsed(target["expr"])
    assert all("job" in labels for _, labels in told.series)
    shown = set(re.findall(r"{{\s*(\w+)\s*}}", target["legendFormat"]))
    summed = "sum" in told.functions or "min" in told.functions or "max" in told.functions
    assert shown <= (told.grouped_by if summed else told.grouped_by | {"instance", "job"})


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_says_what_it_shows_and_in_what(panel: Object) -> None:
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    assert panel["targets"]
    for each in (panel, *panel["targets"]):
        assert each["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    refs = [target["refId"] for target in panel["targets"]]
    assert len(set(refs)) == len(refs)


def test_the_dashboard_can_be_imported_and_asks_for_its_data_source() -> None:
    assert DASHBOARD["schemaVersion"] >= 39
    assert "id" not in DASHBOARD  # Grafana gives one
    variables = {each["name"]: each for each in DASHBOARD["templating"]["list"]}
    assert (variables["datasource"]["type"], variables["datasource"]["query"]) == (
        "datasource", "prometheus")  # fmt: skip
    asked = variables["job"]["query"]["query"]
    (series, label) = re.fullmatch(r"label_values\((\w+), (\w+)\)", asked).groups()  # type: ignore[union-attr]
    assert series in registered()
    assert label == "job"
    used = set(re.findall(r"\$(\w+)", " ".join(t["expr"] for p in PANELS for t in p["targets"])))
    assert used <= {"job", "__rate_interval", "__range"}
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)


def test_no_two_panels_are_in_one_place() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(at["x"] + i, at["y"] + j) for i in range(at["w"]) for j in range(at["h"])}
        assert not cells & taken, panel.get("title")
        taken |= cells


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_names_what_there_is_and_where_it_is_explained(alert: Object) -> None:
    assert problems(alert["expr"]) == []
    assert alert["labels"]["severity"] in ("warning", "critical")
    told, told_of = parsed(alert["expr"]), alert["annotations"]
    (name, _), *_ = told.series
    labels = set(re.findall(r"\$labels\.(\w+)", "".join(told_of.values())))
    assert labels <= (told.grouped_by or registered()[name])
    assert told_of["summary"]
    assert told_of["description"].endswith(".")
    file, anchor = told_of["runbook"].split("#")
    assert DEPLOY.parents[1] / file == GUIDE
    section = sections()[anchor]
    assert f"`{alert['alert']}`" in section


def sections() -> dict[str, str]:
    """Return the guide's sections by their anchors, as GitHub names them."""
    parts = re.split(r"^## (.+)$", GUIDE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {
        re.sub(r"[^\w\- ]", "", title).lower().replace(" ", "-"): text
        for title, text in zip(parts[::2], parts[1::2], strict=True)
    }


def test_alerts_have_names_of_their_own() -> None:
    names = [alert["alert"] for alert in ALERTS]
    assert len(set(names)) == len(names)
    assert (RULE["apiVersion"], RULE["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
