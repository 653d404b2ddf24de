"""Names that nothing knows."""

from __future__ import annotations

from pathlib import Path

from bayplan.simulator.scenario.doubts import doubts
from bayplan.simulator.scenario.ready import made_ready
from bayplan.simulator.scenario.scenario import Scenario
from bayplan.traces.jobs import write_jobs

from .support import job_table


def test_names_that_neither_cluster_nor_catalogue_has_are_told(tmp_path: Path) -> None:
    (tmp_path / "n.csv").write_text(
        "name,cpu_milli,memory_mib,gpu_count,gpu_model\na,8000,8000,1,Own-GPU\nb,8000,8000,1,T4\n"
    )
    (tmp_path / "s.csv").write_text(
        "job_type,gpu_model,speed\nx,T5,0.5\ny,T5,1\nx,Own-GPU,1\nx,H100-80GB,1\n"
    )
    jobs = job_table([0, 1, 2], mig_profile=["1g.10g", "", "3g.40gb"])
    write_jobs(jobs, tmp_path / "j.csv")
    made = Scenario().of(
        cluster__file=str(tmp_path / "n.csv"),
        jobs__file=str(tmp_path / "j.csv"),
        speeds__file=str(tmp_path / "s.csv"),
        speeds__by_model={"Own-GP": 0.5, "quite another": 1.0, "T4": 0.4},
    )
    assert list(doubts(made_ready(made))) == [
        "speeds.file: no GPU 'T5' is known; did you mean 'T4'?",
        "speeds.by_model: no GPU 'Own-GP' is known; did you mean 'Own-GPU'?",
        "speeds.by_model: no GPU 'quite another' is known",
        "jobs: no GPU has the mig_profile '1g.10g'; did you mean '1g.10gb'?",
    ]


def test_names_of_services_are_looked_at_too(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(
        '[classes.c]\ntarget_s = 1\n[[services]]\nname = "s"\nclass = "c"\nrate_per_s = 1\n'
        'until_s = 9\nper_s = 1\nmost = 1\ngpu_models = "T5|T4"\n'
        '[[services.alternatives]]\nper_s = 1\nmig_profile = "1g.10g"\n'
    )
    made = Scenario().of(jobs__file="none", services__file=str(tmp_path / "s.toml"))
    assert list(doubts(made_ready(made))) == [
        "service s: no GPU 'T5' is known; did you mean 'T4'?",
        "service s: no GPU has the mig_profile '1g.10g'; did you mean '1g.10gb'?",
    ]


def test_the_builtin_trace_leaves_no_doubts() -> None:
    assert list(doubts(made_ready(Scenario()))) == []
