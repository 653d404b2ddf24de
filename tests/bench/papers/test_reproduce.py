"""The command that prints theirs beside ours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import reproduce_papers

TRACE = "job_id,num_gpu,submit_time,iterations,model_name,iteration_time\n0,8,0,1000,gpt2,200\n"
"""One job of 1,000 × 0.2 s × 1.015 = 203 s."""

FILES = {
    "muri_philly/trace7.csv": TRACE,
    "muri_philly/expected.csv": "policy,metric,trace,value_s\n"
    "SRTF,avg_jct,trace7,203.000\nSRTF,makespan,trace7,203.0\nTiresias_L,p99_jct,trace7,203\n"
    "themis,avg_jct,trace7,1.0\nSRSF,avg_jct,trace8,1.0\n",
    "muri_testbed/cluster_trace.csv": TRACE,
    "muri_testbed/job_SRTF.csv": "JCT,end_time\n200.0,406.0\n",
    "gavel/expected_experiments_md.csv": "policy,cluster,seed,lambda_s,window_job_ids,avg_jct_s,"
    "utilization\nAlloX_Perf,v100:1|p100:1,7,9000,0..0,320.000000,0.500000\n",
    "gavel/continuous_single_seed7.csv": "job_id,arrival_unit,job_type,scale_factor,"
    "v100_duration_s,total_steps\n0,0.0,A3C,1,320.0,10\n",
    "gavel/simulation_throughputs.csv": "worker_type,job_type,scale_factor,colocated_job_type,"
    "job_steps_per_s\nv100,A3C,1,,0.03125\np100,A3C,1,,0.015625\n",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("BAYPLAN_DATA", str(tmp_path))
    return tmp_path


def test_any_trace_with_published_figures_is_found_and_compared(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "figures.json"
    assert reproduce_papers.main(["--workers", "1", "--json", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "5 of 5 equal to the printed digits"
    assert "Of what is published, not repeated: themis, trace8.csv" in lines
    assert [line.split() for line in lines if line.startswith("trace7")] == [
        ["trace7", "SRTF", "avg_jct", "203.000", "203.000", "equal"],
        ["trace7", "SRTF", "makespan", "203.0", "203.0", "equal"],
        ["trace7", "Tiresias_L", "p99_jct", "203", "203", "equal"],
    ]
    assert [line.split() for line in lines if line.startswith("SRTF")] == [
        ["SRTF", "avg_jct", "200", "203", "+1.5", "%"],
        ["SRTF", "makespan", "406", "203", "-50.0", "%"],
        ["SRTF", "p99_jct", "200", "203", "+1.5", "%"],
    ]
    written = json.loads(path.read_text())
    assert [each["equal"] for each in written["published"]] == [True] * 5
    assert [each["figure"] for each in written["testbed"]] == ["avg_jct", "makespan", "p99_jct"]


def test_one_digit_that_differs_is_said_and_fails(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "muri_philly" / "expected.csv"
    path.write_text(path.read_text().replace("203.000", "203.001"))
    assert reproduce_papers.main(["--workers", "1"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "4 of 5 equal to the printed digits"
    (line,) = [line for line in lines if "NOT EQUAL" in line]
    assert line.split()[:5] == ["trace7", "SRTF", "avg_jct", "203.001", "203.000"]


@pytest.mark.parametrize("name", ["gavel/expected_experiments_md.csv", "muri_philly/expected.csv"])
def test_missing_data_is_one_line(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / name).unlink()
    assert reproduce_papers.main([]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"reproduce_papers: no {name} in {folder}; set BAYPLAN_DATA\n"


def test_a_broken_trace_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "muri_philly" / "trace7.csv"
    path.write_text(TRACE.replace(",8,", ",eight,"))
    assert reproduce_papers.main(["--workers", "1"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"reproduce_papers: {path}")
