"""``bayplan policies`` and ``bayplan traces``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bayplan.scheduler.policies import policy_names
from bayplan.traces import FORMATS, builtin_pods, read_nodes, read_pods
from bayplan.traces.jobs import JOB_FORMATS, read_jobs
from bayplan.traces.series import SERIES_FORMATS, read_series

from .support import NODES, PODS, Bayplan, listing


def test_policies_lists_every_policy_with_a_line_about_it(bayplan: Bayplan) -> None:
    code, out, err = bayplan("policies")
    assert (code, err) == (0, "")
    lines = [line for line in out.splitlines() if not line.startswith(" ")]
    assert [line.split()[0] for line in lines] == policy_names()
    assert all(len(line.split()) > 2 for line in lines)


def test_traces_list_names_the_builtin_trace_and_the_formats(bayplan: Bayplan) -> None:
    code, out, err = bayplan("traces", "list")
    assert (code, err) == (0, "")
    names = [line.split()[:3] for line in out.splitlines() if not line.startswith(" ")]
    series = [names.pop() for _ in SERIES_FORMATS][::-1]
    assert series == [["request", "format", each.name] for each in SERIES_FORMATS]
    assert [words[:2] for words in names[: -len(JOB_FORMATS)]] == [
        ["trace", "builtin"],
        *(["format", each.name] for each in FORMATS),
    ]
    assert names[-len(JOB_FORMATS) :] == [["job", "format", each.name] for each in JOB_FORMATS]


def test_traces_info_describes_the_builtin_trace_or_files(bayplan: Bayplan) -> None:
    code, out, err = bayplan("traces", "info")
    assert (code, err) == (0, "")
    assert ["pods", f"{len(builtin_pods()):,}"] in [line.split() for line in out.splitlines()]
    code, out, err = bayplan("traces", "info", "pods.csv", "--nodes", "nodes.csv")
    assert (code, err) == (0, "")
    words = [line.split() for line in out.splitlines()]
    assert ["pods", "4"] in words
    assert ["GPUs", "asked", "for", "1.8"] in words
    assert ["nodes", "2", "(2", "with", "GPUs)"] in words
    assert ["nodes", "2"] not in [
        w[:2] for w in map(str.split, bayplan("traces", "info", "pods.csv")[1].splitlines())
    ]


def test_texts_of_a_trace_are_shown_as_they_stand(bayplan: Bayplan) -> None:
    Path("nodes.csv").write_text(NODES.replace(",A", ",a100[sxm4]"))
    Path("pods.csv").write_text(
        PODS.splitlines()[0] + ",gpu_models\na,1,1,1,1000,h100[/nvl]\nb,1,1,1,1000,A\x1b[31mR\n"
    )
    code, out, err = bayplan("traces", "info", "pods.csv", "--nodes", "nodes.csv")
    assert (code, err) == (0, "")
    assert "nodes with 2 x a100[sxm4]" in out
    assert "bound to h100[/nvl]" in out
    assert "bound to A\\x1b[31mR" in out
    assert "\x1b" not in out


def test_traces_convert_writes_both_tables(bayplan: Bayplan, folder: Path) -> None:
    (folder / "openb.csv").write_text(
        "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\na,1000,10,1,1500,T4\n"
    )
    (folder / "out").mkdir()
    code, out, err = bayplan(
        "traces", "convert", "--pods", "openb.csv", "--nodes", "nodes.csv", "--out", "out"
    )
    assert (code, err) == (0, "")
    assert out == "1 pods: out/pods.csv\n2 nodes: out/nodes.csv\n"
    pods = read_pods("out/pods.csv", "canonical")
    assert (pods.gpu_milli.tolist(), pods.gpu_models) == ([1000], ("T4",))
    assert read_nodes("out/nodes.csv", "canonical").name == ("n1", "n2")


def test_traces_convert_writes_only_what_was_given(bayplan: Bayplan, folder: Path) -> None:
    (folder / "out").mkdir()
    assert bayplan("traces", "convert", "--pods", "pods.csv", "--out", "out")[0] == 0
    assert listing(folder / "out") == {"pods.csv"}


def test_traces_synth_makes_the_same_bytes_for_the_same_seed(
    bayplan: Bayplan, folder: Path
) -> None:
    made = []
    for name, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        (folder / name).mkdir()
        code, out, err = bayplan("traces", "synth", "--out", name, "--seed", seed, "--nodes", "9")
        assert (code, err) == (0, "")
        assert out.endswith(f"9 nodes: {name}/nodes.csv\n")
        made.append([(folder / name / each).read_bytes() for each in ("pods.csv", "nodes.csv")])
    assert made[0] == made[1]
    assert made[0][0] != made[2][0]
    assert (
        bayplan("replay", "--policy", "fgd", "--pods", "a/pods.csv", "--nodes", "a/nodes.csv")[0]
        == 0
    )


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["info", "--nodes", "nodes.csv"], "--nodes without a pod file; give a pod file too"),
        (["info", "pod.csv"], "pod.csv: no such file; did you mean pods.csv?"),
        (["info", "pods.csv", "--format", "openbb"],
         "there is no trace format 'openbb'; did you mean 'openb'?"),
        (["convert", "--out", "."], "nothing to convert; give --pods, --nodes, both, or --jobs"),
        (["convert", "--out", "no", "--pods", "pods.csv"],
         "no/pods.csv: there is no folder no; make it with mkdir -p no"),
        (["convert", "--out", "pods.csv", "--nodes", "nodes.csv"],
         "pods.csv/nodes.csv: pods.csv is not a folder; name another folder"),
        (["convert", "--out", ".", "--pods", "pods.csv"],
         "pods.csv: this would overwrite the file that is read; give another folder as --out"),
        (["convert", "--out", ".", "--nodes", "nodes.csv"],
         "nodes.csv: this would overwrite the file that is read; give another folder as --out"),
        (["convert", "--pods", "pods.csv"],
         'Command "traces convert" parameter --out requires an argument;'
         " see bayplan traces convert --help"),
        (["synth", "--out", "no"], "no/pods.csv: there is no folder no; make it with mkdir -p no"),
        (["synth", "--out", ".", "--nodes", "0"],
         "synthetic trace: nodes is 0; it may be 1 to 100000"),
        (["synth", "--out", ".", "--seed", "-1"],
         "synthetic trace: seed is -1; it may be 0 to 2^63 - 1"),
        (["synth", "--out", ".", "--load", "nan"],
         "synthetic trace: load is nan; it may be above 0 and up to 100"),
    ],
)  # fmt: skip
def test_bad_input_of_traces_is_one_line(
    arguments: list[str], line: str, refused: Callable[..., str]
) -> None:
    assert refused("traces", *arguments) == line


def test_of_two_files_none_is_written_when_the_second_cannot_be(
    refused: Callable[..., str], folder: Path
) -> None:
    (folder / "out" / "nodes.csv").mkdir(parents=True)
    line = refused("traces", "synth", "--out", "out", "--nodes", "2")
    assert line == "out/nodes.csv: this is a folder; remove or rename it"


PHILLY = "timestamp,duration,num_gpus\n2017-10-09 07:01:55,60,1\n2017-10-08 07:01:55,90,16\n"
STREAM = "job_id,arrival_unit,job_type,scale_factor,v100_duration_s\n0,2,LM,1,9\n"


@pytest.mark.parametrize("option", [[], ["--jobs"]])
def test_traces_info_describes_a_job_file(
    option: list[str], bayplan: Bayplan, folder: Path
) -> None:
    (folder / "philly.csv").write_text(PHILLY, encoding="utf-8")
    code, out, err = bayplan("traces", "info", *option, "philly.csv")
    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    assert ["jobs", "2"] in lines
    assert ["pods", "3"] in lines


def test_traces_info_takes_what_is_both_for_pods_unless_told(bayplan: Bayplan) -> None:
    assert bayplan("traces", "info", "pods.csv")[1].startswith("pods ")


@pytest.mark.parametrize(("option", "name"), [([], "jobs.csv"), (["--parquet"], "jobs.parquet")])
def test_traces_convert_writes_jobs(
    option: list[str], name: str, bayplan: Bayplan, folder: Path
) -> None:
    (folder / "stream.csv").write_text(STREAM, encoding="utf-8")
    arguments = ["--jobs", "stream.csv", "--out", ".", "--interarrival-s", "1.5", *option]
    code, out, err = bayplan("traces", "convert", *arguments)
    assert (code, out, err) == (0, f"1 jobs: {name}\n", "")
    assert read_jobs(folder / name).arrival_s.tolist() == [3.0]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["info", "stream.csv"],
         "stream.csv: arrivals are stated in mean times between arrivals;"
         " give that time as interarrival_s, such as 4500 (seconds)"),
        (["info", "--jobs", "stream.csv", "--nodes", "nodes.csv"],
         "--jobs beside pods or nodes; describe one after the other"),
        (["convert", "--jobs", "stream.csv", "--pods", "pods.csv", "--out", "."],
         "--jobs beside --pods or --nodes; convert them one by one"),
        (["convert", "--pods", "pods.csv", "--out", ".", "--parquet"],
         "only jobs are written as Parquet; give --jobs, or no --parquet"),
        (["convert", "--jobs", "jobs.csv", "--out", "."],
         "jobs.csv: this would overwrite the file that is read; give another folder as --out"),
    ],
)  # fmt: skip
def test_bad_input_about_jobs_is_one_line(
    arguments: list[str], line: str, refused: Callable[..., str], folder: Path
) -> None:
    (folder / "stream.csv").write_text(STREAM, encoding="utf-8")
    (folder / "jobs.csv").write_text("name,work_s,gpu_count\na,1,1\n", encoding="utf-8")
    assert refused("traces", *arguments) == line


AZURE = (
    "TIMESTAMP,ContextTokens,GeneratedTokens\n"
    "2023-11-16 18:17:03.5000000,4808,10\n2023-11-16 18:18:04.0000000,3180,8\n"
)


def test_requests_are_described_and_converted_or_binned(bayplan: Bayplan, folder: Path) -> None:
    Path("azure.csv").write_text(AZURE)
    code, out, err = bayplan("traces", "info", "azure.csv")
    assert (code, err) == (0, "")
    words = [line.split() for line in out.splitlines()]
    assert ["requests", "2"] in words
    assert ["busiest", "minute", "0.02", "requests", "per", "second"] in words
    code, out, err = bayplan("traces", "convert", "--requests", "azure.csv", "--out", ".")
    assert (code, out, err) == (0, "2 requests: requests.csv\n", "")
    assert read_series("requests.csv").arrival_s.tolist() == [0, 60.5]
    binned = ("traces", "convert", "--requests", "requests.csv", "--bin-s", "30", "--out", ".")
    assert bayplan(*binned) == (0, "3 bins of 30 s: rates.csv\n", "")
    assert Path("rates.csv").read_text().splitlines()[1].startswith("0,0.0333")
    for flags, said in (
        (("--requests", "azure.csv", "--jobs", "azure.csv"), "--requests beside others"),
        (("--pods", "pods.csv", "--bin-s", "3"), "--bin-s without --requests"),
        (("--requests", "azure.csv", "--bin-s", "0"), "a bin of 0 s"),
        (("--requests", "requests.csv"), "this would overwrite the file that is read"),
        (("--requests", "pods.csv"), "match no format of requests"),
    ):
        code, out, err = bayplan("traces", "convert", *flags, "--out", ".")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert said in err
