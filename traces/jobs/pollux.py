"""Reader for the workloads of Pollux' simulator, and of those that took over its form.

A workload says which application arrives when, with how many GPUs and which batch size, and not
for how long it runs: that follows from the profiles of six applications, which were measured on
nodes of four T4. Here the profiles are five numbers an application: to go through ``samples``
training samples in batches of B on n GPUs takes ``samples / B`` steps, and a step takes

    passes × fixed_s + B / n × sample_s + (min(n, 4) − 1) × beside_s + (n > 4) × across_s

with as many passes as keep ``B / n`` at or below ``largest`` samples. The last four are least
squares of relative errors over the profiles' placements that fill nodes; ``samples`` is the last
iteration of the training run at the initial batch size, times that size.

References
----------
https://github.com/petuum/adaptdl, branch ``osdi21-artifact``: ``simulator/workloads*/``,
``simulator/traces/*/placements.csv`` and ``validation-*.csv``, ``simulator/applications.py`` for
the number of epochs. https://github.com/siasosp23/artifacts and
https://github.com/pkusys/ElasticFlow (with a column ``ddl``) have workloads of the same form.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayplan.traces.columns import Column, FloatArray, IntArray, shown
from bayplan.traces.jobs.schema import JobTable
from bayplan.traces.jobs.shapes import gpus_column, pods_of
from bayplan.traces.reading import TableFile
from bayplan.traces.schema import MAX_AMOUNT, NAN

NODE_T4 = 4
"""GPUs of a node in the profiles."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How long an application trains; times in seconds."""

    samples: int
    largest: int
    fixed_s: float
    sample_s: float
    beside_s: float
    across_s: float

    def run_s(self, gpus: IntArray, batch: IntArray) -> FloatArray:
        """Return how long whole trainings take.

        Parameters
        ----------
        gpus : (n,), all above 0
        batch : (n,), samples of a step on all GPUs together

        Returns
        -------
        ``(n,)``, seconds.
        """
        each = np.ceil(batch / gpus)
        step = (
            np.ceil(each / self.largest) * self.fixed_s
            + each * self.sample_s
            + (np.minimum(gpus, NODE_T4) - 1) * self.beside_s
            + (gpus > NODE_T4) * self.across_s
        )
        run: FloatArray = self.samples / batch * step
        return run


PROFILES: dict[str, Profile] = {
    "bert": Profile(177_288, 12, 0.306, 0.0456, 0.0201, 1.02),
    "cifar10": Profile(5_000_064, 1024, 0.0254, 0.000598, 0.00391, 0.0846),
    "ncf": Profile(49_708_544, 32768, 0.00754, 5.85e-07, 0.00178, 0.015),
    "imagenet": Profile(115_305_200, 200, 0.0984, 0.0036, 0.00479, 0.17),
    "deepspeech2": Profile(570_720, 80, 0.25, 0.0224, 0.0558, 0.346),
    "yolov3": Profile(827_552, 8, 0.232, 0.0137, 0.0614, 0.775),
}
"""The six applications, by name. Half of the measured steps are within 10 % of this."""

COLUMNS: tuple[Column, ...] = (
    Column("name", "str", "", "the job's name", required=True, unique=True),
    Column(
        "time", "float64", "seconds", "when it is submitted",
        required=True, minimum=0, maximum=MAX_AMOUNT,
    ),
    Column("application", "str", "", "what is trained", required=True),
    gpus_column("num_replicas"),
    Column(
        "batch_size", "int64", "samples", "samples of a step",
        required=True, minimum=1, maximum=MAX_AMOUNT,
    ),
    Column(
        "ddl", "float64", "seconds", "when it should be done; ElasticFlow only",
        default=NAN, minimum=0, maximum=MAX_AMOUNT,
    ),
)  # fmt: skip
"""What is read of a workload."""


def jobs_from_pollux(file: TableFile) -> JobTable:
    """Read a workload; ``work_s`` follows from the application, its GPUs and its batch size.

    Parameters
    ----------
    file
        A file with the columns of ``COLUMNS``.

    Raises
    ------
    InputError
        A column is missing, a row breaks a rule, or an application has no profile.
    """
    columns = file.read(COLUMNS)
    applications, gpus = columns["application"], columns["num_replicas"]
    if not gpus.all():
        fix = "write how many GPUs it asks for"
        raise file.error("num_replicas is 0", fix, record=int(gpus.argmin()))
    work = np.empty(len(gpus))
    for application in dict.fromkeys(applications):
        of_it = np.fromiter((each == application for each in applications), np.bool_, len(gpus))
        profile = PROFILES.get(application)
        if profile is None:
            problem = f"there is no profile of application {shown(application)}"
            fix = f"known are {', '.join(PROFILES)}; give work_s in a canonical file"
            raise file.error(problem, fix, record=int(of_it.argmax()))
        work[of_it] = profile.run_s(gpus[of_it], columns["batch_size"][of_it])
    return JobTable.of(
        name=columns["name"],
        arrival_s=columns["time"],
        work_s=work,
        job_type=applications,
        deadline_s=columns["ddl"],
        **pods_of(gpus),
    )
