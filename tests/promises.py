"""What the engine promises, and how many random examples say so: ``pytest --promises LEAST``.

A test that holds a promise is marked ``@pytest.mark.promise("...")``, with one of ``PROMISES`` or
several. Under the option the examples that passed are added up and printed by promise, and a run
with fewer than ``LEAST`` fails.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator

import pytest

PROMISES = (
    "gangs never partial",
    "rollback exact",
    "no removable victim",
    "victims suffice",
    "explain's fixes hold",
    "queues never over limit",
)
PASSING = re.compile(r"(\d+) passing")
NOTE = "promises"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--promises",
        type=int,
        metavar="LEAST",
        help="print how many examples each promise had; fail under LEAST of them together",
    )


def pytest_configure(config: pytest.Config) -> None:
    # A worker has its tests counted by whom it works for.
    if config.getoption("promises") is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Count(config.getoption("promises")))


def promises_of(item: pytest.Item) -> list[str]:
    """The promises that a test holds, each once; ``UsageError`` for one that nobody made."""
    names = sorted({name for mark in item.iter_markers("promise") for name in mark.args})
    unknown = sorted(set(names) - set(PROMISES))
    if unknown:
        raise pytest.UsageError(f"{item.nodeid}: no promise {unknown[0]!r}; see tests/promises.py")
    return names


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        promises_of(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note on the last report of a test how many of its examples passed."""
    report = yield
    names = promises_of(item)
    if names and call.when == "teardown":
        said = getattr(item, "hypothesis_statistics", "")
        passed = sum(int(n) for n in PASSING.findall(said))
        report.user_properties.append((NOTE, (names, passed)))
    return report


class Count:
    """Examples by test and by promise, of one run."""

    def __init__(self, least: int) -> None:
        self.least = least
        self.tests: dict[str, tuple[list[str], int]] = {}

    @property
    def total(self) -> int:
        """Examples of all tests; one that holds two promises counts once."""
        return sum(passed for _, passed in self.tests.values())

    @property
    def broken(self) -> bool:
        held = {name for names, passed in self.tests.values() if passed for name in names}
        return self.total < self.least or held != set(PROMISES)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "teardown":
            for name, value in report.user_properties:
                if name == NOTE:
                    self.tests[report.nodeid] = value  # type: ignore[assignment]

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.broken and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("promises")
        for line in self.lines():
            terminalreporter.write_line(line)

    def lines(self) -> Iterator[str]:
        yield f"{'promise':<25} tests  examples"
        for promise in PROMISES:
            passed = [n for names, n in self.tests.values() if promise in names]
            yield f"{promise:<25} {len(passed):>5}  {sum(passed):>8,}"
        yield f"{'all, each test once':<25} {len(self.tests):>5}  {self.total:>8,}"
        if self.broken:
            yield f"too few: each promise needs some, and all together {self.least:,}"
