"""Jobs: pods that start together, and the work that they do.

``schema`` states the table; ``registry`` has the formats and the door ``read_jobs``; ``canonical``
is our own format; ``philly``, ``philly_json``, ``helios``, ``pai``, ``alibaba``, ``lists``,
``gavel``, ``pollux`` and ``pods`` read published ones, ``slurm`` and ``dump`` those of a cluster of
your own, over ``shapes``, ``naming``, ``models`` and ``leaving``; ``info`` describes a table.
"""

from bayplan.traces.jobs.canonical import write_jobs
from bayplan.traces.jobs.info import describe_jobs
from bayplan.traces.jobs.pods import builtin_jobs, jobs_from_pods
from bayplan.traces.jobs.registry import JOB_FORMATS, known_jobs, read_jobs
from bayplan.traces.jobs.schema import JOB_COLUMNS, JobTable, columns_of

__all__ = [
    "JOB_COLUMNS",
    "JOB_FORMATS",
    "JobTable",
    "builtin_jobs",
    "columns_of",
    "describe_jobs",
    "jobs_from_pods",
    "known_jobs",
    "read_jobs",
    "write_jobs",
]
