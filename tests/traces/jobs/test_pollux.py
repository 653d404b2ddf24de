from __future__ import annotations

import csv

import numpy as np
import pytest

from bayplan.scheduler.errors import InputError
from bayplan.traces.jobs import read_jobs
from bayplan.traces.jobs.pollux import PROFILES

from .conftest import Published
from .samples import SAMPLES, Write, read


def test_work_follows_from_application_gpus_and_batch(write: Write) -> None:
    jobs = read(write, "pollux")
    assert jobs.name == ("cifar10-0", "bert-1")
    assert jobs.arrival_s.tolist() == [107, 110]
    assert jobs.job_type == ("cifar10", "bert")
    assert jobs.gpu_count.tolist() == [1, 8]
    one_gpu = 5_000_064 / 128 * (0.0254 + 128 * 0.000598)
    passes = 177_288 / 384 * (4 * 0.306 + 48 * 0.0456 + 3 * 0.0201 + 1.02)
    assert jobs.work_s.tolist() == pytest.approx([one_gpu, passes])


def test_deadlines_of_elasticflow_are_on_the_clock_of_arrivals(write: Write) -> None:
    text = "name,time,application,num_replicas,batch_size,ddl\nncf-1,50,ncf,8,32768,83\n"
    jobs = read_jobs(write(text, "f.csv"))
    assert jobs.deadline_s.tolist() == [83]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("bert,8", "gpt,8",
         "f.csv:3: there is no profile of application 'gpt'; known are bert, cifar10, ncf,"
         " imagenet, deepspeech2, yolov3; give work_s in a canonical file"),
        (",8,384", ",0,384",
         "f.csv:3: num_replicas is 0; write how many GPUs it asks for"),
        (",8,384", ",8,0", "f.csv:3: batch_size is 0, below 1; write 1 or more"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_file_and_row(old: str, new: str, line: str, write: Write) -> None:
    with pytest.raises(InputError) as error:
        read_jobs(write(SAMPLES["pollux"].replace(old, new), "f.csv"))
    assert str(error.value) == line


@pytest.mark.parametrize("application", PROFILES)
def test_half_of_the_measured_steps_are_within_a_tenth(
    application: str, published: Published
) -> None:
    profile = PROFILES[application]
    with published(f"pollux_profiles/{application}/placements.csv").open() as file:
        rows = list(csv.DictReader(file))
    errors = []
    for row in rows:
        placement, each = row["placement"], int(row["local_bsz"])
        if set(placement[1:]) <= {"4"} and each <= profile.largest:
            gpus = np.array([sum(map(int, placement))])
            batch = gpus * each
            step = profile.run_s(gpus, batch)[0] * batch[0] / profile.samples
            errors.append(abs(step / float(row["step_time"]) - 1))
    assert len(errors) > 40
    assert np.median(errors) < 0.1
    assert max(errors) < 0.45
