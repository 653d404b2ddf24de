"""The worked example of the page on preemption prints what the page says."""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from bayplan.scheduler import preemption, types
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Bound
from bayplan.scheduler.policies import make_policy

TEXT = (Path(__file__).parents[3] / "docs" / "preemption.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    return TEXT.split(f"```{language}\n")[1].split("```")[0]


def test_the_worked_example_prints_what_the_page_says() -> None:
    names = dict(vars(types)) | {name: getattr(preemption, name) for name in preemption.__all__}
    names |= {"Cluster": Cluster, "Engine": Engine, "Bound": Bound, "make_policy": make_policy}
    printed = StringIO()
    with redirect_stdout(printed):
        exec(block("python"), names)
    assert printed.getvalue() == block("text")


def test_all_policies_are_on_the_page() -> None:
    for name in preemption.preemption_policy_names():
        assert f"| `{name}` |" in TEXT
