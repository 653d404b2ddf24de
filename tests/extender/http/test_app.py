"""What the application answers, called as a server calls it."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest

from extender_bodies import (
    BINDING,
    META_PREEMPTION,
    NAMES,
    POD,
    PREEMPTION,
    WHOLE,
    Recorder,
    Replied,
    app_of,
    ask,
    asked,
    encoded,
)

FILTER, PRIORITIZE, BIND = "/scheduler/filter", "/scheduler/prioritize", "/scheduler/bind"
PREEMPT = "/scheduler/preempt"


def test_filter_answers_with_names() -> None:
    verbs = Recorder()
    verbs.failed, verbs.unresolvable = {"n2": "full"}, {"n3": "wrong model"}
    reply = ask(app_of(verbs), FILTER, encoded(NAMES))
    assert (reply.status, reply.headers[b"content-type"]) == (200, b"application/json")
    assert reply.headers[b"content-length"] == str(len(reply.body)).encode()
    assert reply.json == {
        "Nodes": None,
        "NodeNames": ["n1"],
        "FailedNodes": {"n2": "full"},
        "FailedAndUnresolvableNodes": {"n3": "wrong model"},
        "Error": "",
    }
    assert verbs.asked == [("filter", "team/p", ("n1", "n2", "n3"), True)]


def test_filter_with_whole_nodes_is_a_dry_run_and_answers_with_them() -> None:
    verbs = Recorder()
    verbs.failed = {"n2": "full"}
    reply = ask(app_of(verbs), FILTER, encoded(WHOLE))
    items = [each for each in WHOLE["Nodes"]["items"] if each["metadata"]["name"] != "n2"]  # type: ignore[index]
    assert reply.json["Nodes"]["items"] == items
    assert reply.json["NodeNames"] is None
    assert verbs.asked == [("filter", "team/p", ("n1", "n2", "n3"), False)]


@pytest.mark.parametrize("body", [PREEMPTION, META_PREEMPTION])
def test_preempt_answers_with_uids_in_either_form(body: dict[str, object]) -> None:
    verbs = Recorder()
    reply = ask(app_of(verbs), PREEMPT, encoded(body))
    said = {"n1": {"Pods": [{"UID": "u-9"}], "NumPDBViolations": 1}}
    assert (reply.status, reply.json) == (200, {"NodeNameToMetaVictims": said})
    assert verbs.asked == [("preempt", "team/p", {"n1": (("u-9",), 1)})]


def test_who_cannot_tell_lets_nobody_be_evicted() -> None:
    verbs = Recorder()
    verbs.raises = RuntimeError("broken")
    reply = ask(app_of(verbs), PREEMPT, encoded(META_PREEMPTION))
    assert (reply.status, reply.json) == (200, {"NodeNameToMetaVictims": {}})


def test_prioritize_answers_with_a_bare_array() -> None:
    for body in (NAMES, WHOLE):
        assert ask(app_of(Recorder()), PRIORITIZE, encoded(body)).json == [
            {"Host": "n1", "Score": 10},
            {"Host": "n2", "Score": 3},
            {"Host": "n3", "Score": 3},
        ]


def test_bind_answers_with_an_empty_error() -> None:
    verbs = Recorder()
    assert ask(app_of(verbs), BIND, encoded(BINDING)).body == b'{"Error":""}'
    assert verbs.asked == [("bind", "team", "p", "u-1", "n1")]
    assert verbs.bound == [("u-1", "n1")]


def test_what_a_verb_refuses_is_status_200_with_the_error() -> None:
    verbs = Recorder()
    verbs.error = "waiting 1/4"
    app = app_of(verbs)
    for path, body in ((FILTER, NAMES), (BIND, BINDING)):
        reply = ask(app, path, encoded(body))
        assert (reply.status, reply.json["Error"]) == (200, "waiting 1/4")
    assert verbs.bound == []


@pytest.mark.parametrize("missing", sorted(BINDING))
def test_a_binding_with_an_empty_field_is_refused_before_any_verb(missing: str) -> None:
    verbs = Recorder()
    reply = ask(app_of(verbs), BIND, encoded(BINDING | {missing: ""}))
    assert (reply.status, reply.json["Error"]) == (
        200, "PodName, PodNamespace, PodUID and Node must all be given",
    )  # fmt: skip
    assert verbs.asked == []


@pytest.mark.parametrize("path", [FILTER, PRIORITIZE, BIND])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'{"Pod":7}'])
def test_a_malformed_body_is_status_400_with_json(path: str, body: bytes) -> None:
    verbs = Recorder()
    reply = ask(app_of(verbs), path, body)
    assert reply.status == 400
    assert reply.json["Error"]
    assert verbs.asked == []


@pytest.mark.parametrize("kind", [b"text/plain", b"application/x-www-form-urlencoded"])
def test_another_content_type_is_tolerated(kind: bytes) -> None:
    headers = [(b"content-type", kind)]
    assert ask(app_of(Recorder()), BIND, encoded(BINDING), headers=headers).status == 200


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [(FILTER, "GET", b"POST"), (BIND, "PUT", b"POST"), ("/healthz", "POST", b"GET, HEAD")],
)
def test_another_method_is_status_405(path: str, method: str, allowed: bytes) -> None:
    reply = ask(app_of(Recorder()), path, b"{}", method=method)
    assert (reply.status, reply.headers[b"allow"]) == (405, allowed)
    assert reply.json["Error"] == f"use {allowed.decode()}"


@pytest.mark.parametrize(
    "path",
    ["/", "/filter", "/scheduler", "/scheduler/reserve", "/scheduler/filter/", "/explain/team"],
)
def test_an_unknown_path_is_status_404(path: str) -> None:
    for method in ("GET", "POST"):
        reply = ask(app_of(Recorder()), path, method=method)
        assert (reply.status, reply.json) == (404, {"Error": "there is nothing at this path"})


def test_the_prefix_is_a_setting() -> None:
    app = app_of(Recorder(), prefix="/gpu/v2")
    assert ask(app, "/gpu/v2/bind", encoded(BINDING)).status == 200
    assert ask(app, BIND, encoded(BINDING)).status == 404


def test_a_length_over_the_limit_is_refused_before_anything_is_read() -> None:
    verbs = Recorder()
    body = encoded(NAMES)
    app = app_of(verbs, max_body_bytes=len(body))

    async def receive() -> Any:
        raise AssertionError("it was read")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-length", str(len(body) + 1).encode())]
    scope = {"type": "http", "method": "POST", "path": FILTER, "headers": headers}
    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 413
    assert (b"connection", b"close") in sent[0]["headers"]
    assert json.loads(sent[1]["body"])["Error"] == f"the body is larger than {len(body)} bytes"


def test_a_body_that_grows_over_the_limit_is_refused_and_one_at_the_limit_is_not() -> None:
    body = encoded(NAMES)
    verbs = Recorder()
    assert ask(app_of(verbs, max_body_bytes=len(body) - 1), FILTER, body).status == 413
    assert verbs.asked == []
    assert ask(app_of(verbs, max_body_bytes=len(body)), FILTER, body).status == 200


def test_an_exception_is_an_error_by_id_and_a_line_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    verbs = Recorder()
    verbs.raises = RuntimeError("the cluster is on fire")
    app = app_of(verbs)
    for path, body in ((FILTER, NAMES), (BIND, BINDING)):
        caplog.clear()
        reply = ask(app, path, encoded(body))
        assert reply.status == 200
        text, _, code = reply.json["Error"].rpartition(" ")
        assert text == "internal error, see the log by id"
        (record,) = caplog.records
        assert (record.levelname, record.id) == ("ERROR", code)  # type: ignore[attr-defined]
        assert "the cluster is on fire" in caplog.text
        assert b"Traceback" not in reply.body
        assert b"fire" not in reply.body


def test_the_line_names_the_pod_and_nothing_else_of_it(caplog: pytest.LogCaptureFixture) -> None:
    verbs = Recorder()
    verbs.raises = RuntimeError("oh")
    ask(app_of(verbs), FILTER, encoded(NAMES))
    assert "pod team/p, uid u-1" in caplog.text
    assert "nvidia.com/gpu" not in caplog.text


def test_priorities_have_no_room_for_an_error_and_are_none_then(
    caplog: pytest.LogCaptureFixture,
) -> None:
    verbs = Recorder()
    for verbs.raises, verbs.scores in ((RuntimeError("oh"), None), (None, [("n1", 11)])):
        caplog.clear()
        reply = ask(app_of(verbs), PRIORITIZE, encoded(NAMES))
        assert (reply.status, reply.body) == (200, b"[]")
        assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_a_call_over_its_time_is_an_error_that_says_so() -> None:
    verbs = Recorder()
    verbs.bind_s = 5.0
    reply = ask(app_of(verbs, call_s=0.01), BIND, encoded(BINDING))
    assert (reply.status, reply.json) == (200, {"Error": "bind took more than 0.01 s"})
    assert verbs.bound == []


def test_a_time_limit_of_a_verb_s_own_is_not_taken_for_the_call_s(
    caplog: pytest.LogCaptureFixture,
) -> None:
    verbs = Recorder()
    verbs.raises = TimeoutError("the API server")
    reply = ask(app_of(verbs), BIND, encoded(BINDING))
    assert reply.json["Error"].startswith("internal error")
    assert "the API server" in caplog.text


def test_a_body_that_never_comes_is_status_408() -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.sleep(5.0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": BIND, "headers": []}
    asyncio.run(app_of(Recorder(), call_s=0.01)(scope, receive, send))
    assert sent[0]["status"] == 408
    assert json.loads(sent[1]["body"]) == {"Error": "bind took more than 0.01 s"}


def test_a_client_that_goes_away_is_answered_nothing_and_asks_nothing() -> None:
    verbs = Recorder()
    app = app_of(verbs)

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise AssertionError("it is gone")

    scope = {"type": "http", "method": "POST", "path": BIND, "headers": []}
    asyncio.run(app(scope, receive, send))
    assert verbs.asked == []
    assert sample(app, "requests_total", verb="bind", code="499") == 1


def test_calls_wait_for_each_other_only_where_they_await() -> None:
    verbs = Recorder()
    verbs.bind_s = 0.05
    app = app_of(verbs)

    async def both() -> list[Replied]:
        calls = asked(app, BIND, encoded(BINDING)), asked(app, FILTER, encoded(NAMES))
        return [*await asyncio.gather(*calls)]

    assert [reply.status for reply in asyncio.run(both())] == [200, 200]
    assert [what[0] for what in verbs.asked] == ["bind", "filter"]


def sample(app: Any, name: str, **labels: str) -> float | None:
    found: float | None = app.registry.get_sample_value(f"bayplan_extender_{name}", labels)
    return found


def test_metrics_count_by_verb_and_status() -> None:
    verbs = Recorder()
    app = app_of(verbs)
    ask(app, FILTER, encoded(NAMES))
    ask(app, FILTER, b"{")
    verbs.error = "no"
    ask(app, BIND, encoded(BINDING))
    ask(app, "/etc/passwd", method="GET")
    assert sample(app, "requests_total", verb="filter", code="200") == 1
    assert sample(app, "requests_total", verb="filter", code="400") == 1
    assert sample(app, "requests_total", verb="other", code="404") == 1
    assert sample(app, "errors_total", verb="bind", kind="refused") == 1
    assert sample(app, "call_seconds_count", verb="filter") == 2
    assert sample(app, "request_bytes_sum", verb="filter") == len(encoded(NAMES)) + 1
    assert sample(app, "requests_in_flight") == 0
    text = ask(app, "/metrics", method="GET")
    assert text.headers[b"content-type"].startswith(b"text/plain")
    assert b'bayplan_extender_call_seconds_bucket{le="0.0005",verb="filter"}' in text.body
    assert b"passwd" not in text.body


def test_a_probe_knows_that_it_lives_and_whether_it_is_ready() -> None:
    verbs = Recorder()
    app = app_of(verbs)
    assert ask(app, "/healthz", method="GET").json == {"ok": True}
    ready = ask(app, "/readyz", method="GET")
    assert (ready.status, ready.json) == (200, {"ready": True, "reasons": []})
    verbs.reasons = ["pods are not listed yet"]
    waits = ask(app, "/readyz", method="GET")
    assert (waits.status, waits.json) == (503, {"ready": False, "reasons": verbs.reasons})
    assert ask(app, "/healthz", method="GET").status == 200


def test_pages_show_a_pod_and_the_state() -> None:
    app = app_of(Recorder())
    assert ask(app, "/explain/team/p", method="GET").json == {"pod": "team/p"}
    assert ask(app, "/explain/team/q", method="GET").status == 404
    assert ask(app, "/explain/team/p/q", method="GET").status == 404
    assert ask(app, "/state", method="GET").json == {"nodes": 3}
    assert ask(app, "/quota/team", method="GET").json == {"namespace": "team"}
    assert ask(app, "/quota", method="GET").json == {"namespace": ""}
    assert ask(app, "/quota/a/b", method="GET").status == 404


def test_head_has_the_length_and_no_body() -> None:
    reply = ask(app_of(Recorder()), "/state", method="HEAD")
    assert (reply.headers[b"content-length"], reply.body) == (b"11", b"")


def test_a_page_that_fails_is_status_500_by_id(caplog: pytest.LogCaptureFixture) -> None:
    verbs = Recorder()
    verbs.raises = RuntimeError("oh")
    reply = ask(app_of(verbs), "/state", method="GET")
    assert (reply.status, reply.json["Error"].rpartition(" ")[0]) == (
        500, "internal error, see the log by id",
    )  # fmt: skip
    assert "oh" in caplog.text


def test_at_debug_level_there_is_a_line_a_call(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "bayplan.extender.http.app"):
        ask(app_of(Recorder()), FILTER, encoded(NAMES))
    (record,) = caplog.records
    assert (record.verb, record.status) == ("filter", 200)  # type: ignore[attr-defined]


def test_only_http_is_served() -> None:
    async def nothing(*_: Any) -> Any:
        raise AssertionError("it was used")

    with pytest.raises(NotImplementedError, match="websocket"):
        asyncio.run(app_of(Recorder())({"type": "websocket"}, nothing, nothing))


def test_pods_without_names_or_uids_reach_the_verb() -> None:
    verbs = Recorder()
    reply = ask(app_of(verbs), FILTER, encoded(NAMES | {"Pod": {"spec": POD["spec"]}}))
    assert reply.status == 200
    assert reply.json["Error"].startswith("metadata.name")
