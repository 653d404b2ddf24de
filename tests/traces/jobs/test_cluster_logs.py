"""Logs of production clusters: Philly's JSON, Helios, Acme, PAI, Alibaba 2025 and 2026."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from bayplan.scheduler.errors import InputError
from bayplan.traces.jobs import JobTable, read_jobs
from bayplan.traces.jobs.naming import distinct

from .samples import PHILLY_LOG, SAMPLES, Write, read


def problem(write: Write, text: str, name: str = "f.csv", format: str = "auto") -> str:
    with pytest.raises(InputError) as error:
        read_jobs(write(text, name), format)
    return str(error.value)


def left_out(write: Write, name: str, text: str) -> tuple[JobTable, str]:
    with pytest.warns(UserWarning, match="left out") as told:
        jobs = read(write, name, text)
    (only,) = told
    return jobs, str(only.message)


def changed(index: int, **changes: Any) -> str:
    log = json.loads(json.dumps(PHILLY_LOG))
    log[index] |= changes
    return json.dumps(log)


# --- Philly as published ----------------------------------------------------


def test_a_philly_job_did_the_work_of_all_its_attempts(write: Write) -> None:
    jobs = read(write, "philly-json")
    assert jobs.name == ("application_1", "application_2")
    assert jobs.arrival_s.tolist() == [0, 3600]
    assert jobs.work_s.tolist() == [30, 60 + 3600]
    assert jobs.gpu_count.tolist() == [1, 8]
    assert jobs.pods.tolist() == [1, 2]
    assert jobs.queue == ("6214e9", "ee9e8c")
    assert jobs.user == ("u2", "ce2f4c")


@pytest.mark.parametrize(
    "changes",
    [
        {"attempts": []},
        {"attempts": [{"start_time": None, "end_time": "2017-10-07 01:00:30", "detail": []}]},
        {"submitted_time": "None"},
        {
            "attempts": [
                {
                    "start_time": "2017-10-07 01:00:31",
                    "end_time": "2017-10-07 01:00:30",
                    "detail": [{"ip": "m", "gpus": ["gpu0"]}],
                }
            ]
        },
    ],
)
def test_philly_jobs_that_did_not_run_are_left_out(write: Write, changes: dict[str, Any]) -> None:
    jobs, line = left_out(write, "philly-json", changed(1, **changes))
    assert jobs.name == ("application_2",)
    assert line == ("f.csv: left out 1 of 2 rows, without an attempt with a start, an end and GPUs")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (changed(1, jobid=None), "f.csv:2: there is no jobid; write a jobid"),
        (changed(1, jobid=7), "f.csv:2: 7 is no text for jobid; write a jobid"),
        (changed(1, attempts=None), "f.csv:2: attempts is no array; write [] for none"),
        (
            changed(1, attempts=[{"detail": [{"ip": "m"}]}]),
            "f.csv:2: an attempt is no object with start_time, end_time and detail; correct it",
        ),
        (
            changed(1, attempts=[{"start_time": "soon", "detail": []}]),
            "f.csv:2: start_time of an attempt is 'soon', not a time;"
            " write it as 2017-10-09 07:01:55",
        ),
        (
            changed(1, submitted_time="2017-10-32 00:00:00"),
            "f.csv:2: submitted_time is '2017-10-32 00:00:00', not a time;"
            " write it as 2017-10-09 07:01:55",
        ),
        (
            json.dumps([PHILLY_LOG[0], 3]),
            "f.csv:2: this is no job; write an object with jobid",
        ),
        (
            json.dumps([PHILLY_LOG[0] | {"attempts": []}]),
            "f.csv: no row is a job that ran: all 1 are without an attempt with a start, an end"
            " and GPUs",
        ),
        (
            '[{"jobid": 1,\n}',
            "f.csv:2: no JSON (Illegal trailing comma before end of object);"
            " copy or download the file again",
        ),
        (
            '[{"id": 1}]',
            "f.csv: the columns (id) match no job format: kubernetes lacks apiVersion, kind;"
            " rename the columns or add the missing ones; bayplan traces list names all formats",
        ),
    ],
)
def test_what_is_wrong_with_a_philly_log_is_told_by_job(write: Write, text: str, line: str) -> None:
    said = problem(write, text)
    # What the standard library says of a comma differs between its versions.
    if "no JSON" in line:
        assert said.startswith("f.csv:2: no JSON (")
    else:
        assert said == line


@pytest.mark.parametrize(
    ("name", "old", "new", "names"),
    [
        ("philly-json", "application_1", "application_2", ("application_2", "application_2#2")),
        ("helios", "\n12,", "\n11,", ("11", "11#2", "13")),
        ("acme", "dlc2", "dlc1", ("dlc1", "dlc1#2")),
        ("spot-gpu", "437261", "239255", ("239255", "239255#2")),
        ("dlrm", "i3", "i0", ("i0", "i1", "i2", "i0#2")),
        ("slurm", "13_4", "12", ("12", "12#2", "14")),
        ("pai", "worker", "ps", ("j2", "j1/ps", "j1/ps#2")),
    ],
)
def test_a_job_that_is_there_twice_has_two_names(
    name: str, old: str, new: str, names: tuple[str, ...], write: Write
) -> None:
    assert read(write, name, SAMPLES[name].replace(old, new)).name == names


def test_names_that_are_made_are_of_no_other_job() -> None:
    assert distinct(["a", "a", "a#2", "a", "b"]) == ["a", "a#3", "a#2", "a#4", "b"]
    assert distinct(("a", "b")) == ("a", "b")


def test_json_is_no_table_and_a_table_no_json(write: Write) -> None:
    assert problem(write, SAMPLES["philly-json"], format="helios") == (
        "f.csv: this is JSON; a table with job_id, user, gpu_num, cpu_num, node_num, submit_time,"
        " vc, state, duration is needed; write it as CSV"
    )
    for format in ("philly-json", "kubernetes"):
        assert "this is no JSON" in problem(write, SAMPLES["helios"], format=format)


# --- Helios and Acme --------------------------------------------------------


def test_a_helios_job_is_a_pod_a_node(write: Write) -> None:
    jobs = read(write, "helios")
    assert jobs.name == ("12", "11", "13")  # by submission, then by row
    assert jobs.arrival_s.tolist() == [0, 30, 30]
    assert jobs.work_s.tolist() == [1, 100, 0]
    # 12 GPUs do not divide among 5 nodes: pods of 8; 16 among 2 do.
    assert jobs.pods.tolist() == [2, 2, 1]
    assert jobs.gpu_count.tolist() == [8, 8, 0]
    assert jobs.cpu_milli.tolist() == [6500, 32000, 3000]
    assert jobs.queue == ("vcY", "vcX", "vcY")
    assert jobs.user == ("ub", "ua", "ub")


def test_acme_work_is_the_end_less_the_start_on_one_clock(write: Write) -> None:
    jobs = read(write, "acme")
    assert jobs.name == ("dlc2", "dlc1")
    assert jobs.arrival_s.tolist() == [0, 1]
    assert jobs.work_s.tolist() == [600, 8]  # not Kalos' duration of 18
    assert jobs.job_type == ("Debug", "Pretrain")
    assert jobs.pods.tolist() == [1, 8]
    assert jobs.gpu_count.tolist() == [1, 8]
    assert jobs.cpu_milli.tolist() == [10_000, 120_000]
    assert jobs.memory_mib.tolist() == [0, 1000 * 1024]


def test_seren_has_no_memory_and_jobs_that_never_started_are_left_out(write: Write) -> None:
    header = (
        "job_id,user,node_num,gpu_num,cpu_num,type,state,submit_time,start_time,end_time,duration,"
        "queue,gpu_time\n"
    )
    ran = (
        "1,u,1,8,128,Other,FAILED,2023-03-01 00:18:22+08:00,2023-03-01 00:18:54+08:00,"
        "2023-03-01 00:20:51+08:00,117,32,936.0\n"
    )
    never = "2,u,1,8,128,Other,CANCELLED,2023-03-01 00:18:22+08:00,,,,,\n"
    jobs = read(write, "acme", header + ran)
    assert (jobs.work_s.tolist(), jobs.memory_mib.tolist()) == ([117], [0])
    jobs, line = left_out(write, "acme", header + ran + never)
    assert jobs.name == ("1",)
    assert line == "f.csv: left out 1 of 2 rows, without a start and an end after it"


@pytest.mark.parametrize(
    ("name", "old", "new", "line"),
    [
        ("helios", "2020-06-09 18:41:01,2020", "2020-06-31 18:41:01,2020",
         "f.csv:3: submit_time is '2020-06-31 18:41:01', not a time;"
         " write it as 2017-10-09 07:01:55"),
        ("helios", ",12,13,", ",,13,",
         "f.csv:3: gpu_num is empty; write a whole number of GPUs"),
        ("helios", ",16,64,", ",x,64,",
         "f.csv:2: gpu_num is 'x', not a number; write a whole number of GPUs"),
        ("acme", "+00:00,2023-05-17 11:01:08+00:00", "+0:00,2023-05-17 11:01:08+00:00",
         "f.csv:2: submit_time is '2023-05-17 11:00:58+0:00', not a time;"
         " write it as 2023-03-01 00:18:22+08:00"),
        ("spot-gpu", "Spot", "spot", "f.csv:3: job_type is 'spot'; write HP or Spot"),
        ("spot-gpu", ",94,", ",9.5,",
         "f.csv:3: worker_num is 9.5, not a whole number; round it"),
        ("spot-gpu", "A10,20.0,1.0", "A10,20.0,65",
         "f.csv:2: gpu_request is 65.0, above 64; write 64 or less"),
        ("dlrm", "HN,app_0,12,12,1,1,25,25,120.5", "HN,app_0,12,12,-1,1,25,25,120.5",
         "f.csv:4: gpu_request is -1.0, below 0; write 0 or more"),
        ("pai", "650.0,10,150.0", "650.0,10,6401",
         "f.csv:4: plan_gpu is 6401.0, above 6400; write 6400 or less"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_file_and_row(
    name: str, old: str, new: str, line: str, write: Write
) -> None:
    assert old in SAMPLES[name]
    assert problem(write, SAMPLES[name].replace(old, new)) == line


def test_helios_cells_may_be_empty_and_jobs_without_a_duration_are_left_out(
    write: Write,
) -> None:
    text = SAMPLES["helios"].replace("FAILED,", ",").replace("13,ub,vcY,", "13,,,")
    assert read(write, "helios", text).user == ("ub", "ua", "")
    jobs, line = left_out(write, "helios", text.replace(",1,0\n", ",,0\n"))
    assert jobs.name == ("11", "13")
    assert line == "f.csv: left out 1 of 3 rows, without a duration"
    without = "\n".join(row.rsplit(",", 2)[0] for row in text.splitlines())
    with pytest.raises(InputError, match="there is no column 'duration'"):
        read(write, "helios", without, format="helios")


# --- PAI --------------------------------------------------------------------

HEADLESS = SAMPLES["pai"].split("\n", 1)[1]
JOB_TABLE = "j2,x,ann,Failed,90.0,150.0\nj1,y,bob,Terminated,120.0,260.0\n"


def test_tasks_of_a_pai_job_are_roles_of_a_gang(write: Write) -> None:
    jobs = read(write, "pai")
    assert jobs.name == ("j2", "j1/ps", "j1/worker")
    assert jobs.gang == ("", "j1", "j1")
    assert jobs.arrival_s.tolist() == [0, 5, 5]
    assert jobs.work_s.tolist() == [45, 150, 150]
    assert jobs.pods.tolist() == [1, 1, 3]
    assert jobs.cpu_milli.tolist() == [500, 6000, 6500]
    assert jobs.memory_mib.tolist() == [1024, 30_000, 10_240]
    assert jobs.gpu_count.tolist() == [1, 0, 2]
    assert jobs.gpu_milli.tolist() == [500, 0, 750]
    assert jobs.user == ("", "", "")


def test_pai_submissions_and_users_come_from_the_job_table_beside(write: Write) -> None:
    write(JOB_TABLE, "pai_job_table.csv")
    write(HEADLESS, "pai_task_table.csv")
    jobs = read_jobs("pai_task_table.csv")
    assert jobs.name == ("j2", "j1/ps", "j1/worker")
    # j1 started at 110, before its submission at 120: it was submitted then.
    assert jobs.arrival_s.tolist() == [0, 20, 20]
    assert jobs.user == ("ann", "bob", "bob")
    Path("pai_job_table.csv").write_text(JOB_TABLE.replace("90.0", "x"))
    with pytest.raises(InputError, match=r"^pai_job_table\.csv:1: start_time is 'x'"):
        read_jobs("pai_task_table.csv")


def test_pai_tables_are_read_without_a_header_and_in_their_archives(write: Write) -> None:
    with_header = read(write, "pai")
    data = HEADLESS.encode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in (("._pai_task_table.csv", b"junk"), ("pai_task_table.csv", data)):
            about = tarfile.TarInfo(name)
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
    write(buffer.getvalue(), "pai_task_table.tar.gz")
    write(gzip.compress(data), "pai_task_table.csv.gz")
    for name in ("pai_task_table.tar.gz", "pai_task_table.csv.gz"):
        jobs = read_jobs(name)
        assert jobs.name == with_header.name
        assert jobs.work_s.tolist() == with_header.work_s.tolist()
    # The first row of the file is row 1 in errors.
    assert problem(write, HEADLESS.replace("650.0", "x")) == (
        "f.csv:3: plan_cpu is 'x', not a number; write a number of percent of a core"
    )
    assert problem(write, HEADLESS.replace("1.0,Term", "x,Term", 1)).startswith("f.csv:1: inst_num")


def test_an_archive_of_several_files_is_refused(write: Write) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in ("a.csv", "b.csv"):
            archive.addfile(tarfile.TarInfo(name))
    name = write(buffer.getvalue(), "raw-traces.tar.gz")
    with pytest.raises(InputError) as error:
        read_jobs(name)
    assert str(error.value) == (
        "raw-traces.tar.gz: this is an archive of several files;"
        " unpack it with tar -xf and name one of them"
    )


def test_an_archive_that_is_broken_or_empty_is_refused(write: Write) -> None:
    def archive_of(about: tarfile.TarInfo) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            archive.addfile(about, io.BytesIO(b"x" * about.size))
        return buffer.getvalue()

    whole, folder = tarfile.TarInfo("a.csv"), tarfile.TarInfo("folder")
    whole.size, folder.type = 5000, tarfile.DIRTYPE
    for data, line in (
        (archive_of(whole)[:700], "the archive is damaged; copy or download the file again"),
        (archive_of(folder), "the archive has no file in it; check the path"),
    ):
        for packed in (data, gzip.compress(data)):
            with pytest.raises(InputError) as error:
                read_jobs(write(packed, "t.tar"))
            assert str(error.value) == f"t.tar: {line}"


def test_pai_tasks_that_did_not_run_are_left_out(write: Write) -> None:
    more = (
        "j3,w,1.0,Waiting,,,600,1,100,T4\nj4,w,1.0,Failed,50,49,600,1,100,T4\n"
        "j5,w,0,Failed,50,60,600,1,100,T4\n"
    )
    more += "j6,w,,Terminated,50,60,,,,\n"
    jobs, line = left_out(write, "pai", SAMPLES["pai"] + more)
    assert set(jobs.name) == {"j2", "j1/ps", "j1/worker"}
    assert line == ("f.csv: left out 4 of 7 rows, without an instance, a start and an end after it")


def test_pai_instances_are_counted_and_ask_for_what_their_task_says(write: Write) -> None:
    jobs = read(write, "pai-instances")
    assert jobs.name == ("j1/worker", "j1/ps")
    assert jobs.pods.tolist() == [2, 1]
    assert jobs.work_s.tolist() == [150, 150]
    assert jobs.gpu_milli.tolist() == [750, 0]
    write(SAMPLES["pai-instances"].replace("j1,ps", "j1,chief"), "pai_instance_table.csv")
    with pytest.raises(InputError) as error:
        read_jobs("pai_instance_table.csv")
    assert str(error.value) == (
        "pai_instance_table.csv:3: task chief of job j1 is not in pai_task_table.csv;"
        " use the tables of one trace"
    )
    Path("pai_task_table.csv").unlink()
    with pytest.raises(InputError) as error:
        read_jobs("pai_instance_table.csv")
    assert str(error.value) == (
        "pai_instance_table.csv: what the instances ask for is in pai_task_table.csv, which is not"
        " in the same folder; put it there"
    )


# --- Alibaba 2025 and 2026 --------------------------------------------------


def test_dlrm_instances_are_there_from_the_start_and_to_the_end(write: Write) -> None:
    jobs = read(write, "dlrm")
    assert jobs.arrival_s.tolist() == [0, 100, 0, 450]
    assert jobs.work_s.tolist() == [500, 370, 90, 50]  # 500 is the last time in the file
    assert jobs.gpu_count.tolist() == [1, 0, 1, 1]
    assert jobs.memory_mib.tolist() == [122_880, 327_680, 123_392, 122_880]
    assert jobs.job_type == jobs.queue == ("app_0", "app_1", "app_0", "app_0")
    assert not jobs.preemptible.any()


def test_spot_jobs_are_preemptible_and_high_priority_ones_are_not(write: Write) -> None:
    jobs = read(write, "spot-gpu")
    assert jobs.priority.tolist() == [1, 0]
    assert jobs.preemptible.tolist() == [0, 1]
    assert jobs.pods.tolist() == [1, 94]
    assert jobs.gpu_milli.tolist() == [1000, 500]
    assert jobs.cpu_milli.tolist() == [20_000, 15_000]
    assert jobs.gpu_models == ("A10", "A100-80GB")  # as the catalogue calls it
    assert jobs.arrival_s.tolist() == [0, 9589663]
    assert jobs.work_s.tolist() == [2764799, 71718]
