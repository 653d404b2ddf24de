"""Off: the very same parts. On: what is missing or wrong is one line; the end has a limit."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bayplan import __version__
from bayplan.extender.config.reading import read_config
from bayplan.extender.service.api import ApiCalls
from bayplan.extender.service.calls import PodName
from bayplan.extender.tracing import starting
from bayplan.extender.tracing.sdk import Provider
from bayplan.scheduler.errors import InputError
from otlp_collector import collector, spans_in


def test_off_nothing_is_wrapped() -> None:
    assert starting.provider_of(read_config(None)) is None
    verbs = object()
    assert starting.verbs_of(verbs, None, None) is verbs  # type: ignore[arg-type]
    assert type(starting.calls_of(None, None, None)) is ApiCalls  # type: ignore[arg-type]
    asyncio.run(starting.close(None, 15.0))


def test_off_nothing_of_it_is_loaded() -> None:
    program = (
        "import sys, bayplan.extender.serve as s; s.tracing.provider_of(s.read_config(None));"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_on_without_the_extra_is_exit_code_2_and_a_line_that_names_it(tmp_path: Path) -> None:
    config = tmp_path / "extender.toml"
    config.write_text("[tracing]\non = true\n")
    program = (
        "import sys; sys.modules['opentelemetry.sdk'] = None\n"
        "import bayplan.cli; bayplan.cli.main()"
    )
    command = [sys.executable, "-c", program, "extender", "serve", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("bayplan: tracing.on is true, but OpenTelemetry's SDK")
    assert "pip install 'bayplan[tracing]'" in line


def test_a_variable_that_cannot_be_used_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "extender.toml"
    config.write_text("tracing.on = true\n")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "-1")
    with pytest.raises(InputError, match=r"tracing\.on: .*OTEL_") as caught:
        starting.provider_of(read_config(config))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "variable", ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"]
)
def test_a_header_that_cannot_be_read_is_not_shown(
    variable: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = tmp_path / "extender.toml"
    config.write_text("tracing.on = true\n")
    monkeypatch.setenv(variable, "tenant=t,authorization: Bearer hunter2")
    with pytest.raises(InputError, match="is not written as name=value") as caught:
        starting.provider_of(read_config(config))
    assert "hunter2" not in str(caught.value) + caplog.text
    monkeypatch.setenv(variable, "tenant=t,authorization=Bearer hunter2")
    provider = starting.provider_of(read_config(config))
    assert provider is not None
    provider.close(60.0)
    assert "hunter2" not in caplog.text


def test_a_ratio_keeps_whole_pods(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.25")
    exporter = InMemorySpanExporter()
    spans = Provider(SimpleSpanProcessor(exporter)).spans
    # The first two bits after the variant's: 00 is the lowest quarter.
    kept = UUID("6f1c2a52-a3b0-4d0f-8fff-ffffffffffff")
    left = UUID("6f1c2a52-a3b0-4d0f-9000-000000000000")
    for uid in (kept, left, kept):
        with (
            spans.about("bind", PodName("n", "p", str(uid))),
            spans.about("create Binding", PodName("n", "p", str(uid))),
        ):
            pass
    found = [each.context.trace_id for each in exporter.get_finished_spans() if each.context]
    assert found == [kept.int] * 4


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({}, "bayplan-extender"),
        ({"OTEL_SERVICE_NAME": "east"}, "east"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=west"}, "west"),
    ],
)
def test_the_service_has_our_name_unless_a_variable_says_another(
    variables: dict[str, str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    exporter = InMemorySpanExporter()
    with Provider(SimpleSpanProcessor(exporter)).spans.about("filter", PodName("n", "p")):
        pass
    (span,) = exporter.get_finished_spans()
    assert span.resource.attributes["service.name"] == name
    assert span.resource.attributes["service.version"] == __version__


class Stuck(SpanExporter):
    """Sends nothing until it may."""

    def __init__(self) -> None:
        self.may = threading.Event()
        self.sent: list[str] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.may.wait()
        self.sent += [each.name for each in spans]
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        pass


def test_a_collector_gets_the_spans_by_otlp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "extender.toml"
    config.write_text("tracing.on = true\n")
    uid = uuid4()
    with collector() as (url, came):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        provider = starting.provider_of(read_config(config))
        assert provider is not None
        with provider.spans.about("bind", PodName("n", "p", str(uid))):
            pass
        asyncio.run(starting.close(provider, 60.0))
    (span,) = spans_in(came)
    assert (span.name, span.trace_id) == ("bind", uid.bytes)


def test_the_end_sends_what_is_left() -> None:
    exporter = Stuck()
    exporter.may.set()
    provider = Provider(BatchSpanProcessor(exporter))
    for name in ("filter", "bind"):
        with provider.spans.about(name, PodName("n", "p", str(uuid4()))):
            pass
    asyncio.run(starting.close(provider, 60.0))
    assert exporter.sent == ["filter", "bind"]


def test_the_end_waits_for_nobody_who_takes_no_spans(caplog: pytest.LogCaptureFixture) -> None:
    exporter = Stuck()
    provider = Provider(BatchSpanProcessor(exporter))
    with provider.spans.about("filter", PodName("n", "p", str(uuid4()))):
        pass
    try:
        asyncio.run(starting.close(provider, 0.05))  # it would never end
        assert exporter.sent == []
        assert [each.message for each in caplog.records] == ["the last spans were not sent in time"]
    finally:
        exporter.may.set()
