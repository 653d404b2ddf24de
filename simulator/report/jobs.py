"""The jobs of a run, one row each whatever their rows in the table, and what they ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import polars as pl

JOB_COLUMNS = (
    "name", "gang", "user", "queue", "pods", "gpu_count", "gpu_milli", "gpu_memory_mib",
    "gpu_models", "mig_profile", "arrival_s", "status", "start_s", "finish_s", "wait_s",
    "preemptions", "oom_kills", "failures",
)  # fmt: skip
"""The columns of ``jobs.parquet`` that a report looks at."""

NO_GPU = "no GPU"
PART = "part of a GPU"
_SIZES = ((1, "1 GPU"), (2, "2 GPUs"), (4, "3 to 4 GPUs"), (8, "5 to 8 GPUs"),
          (16, "9 to 16 GPUs"), (32, "17 to 32 GPUs"))  # fmt: skip
_MOST = "more than 32 GPUs"
SIZES = (NO_GPU, PART, *(name for _, name in _SIZES), _MOST)
"""Classes of what jobs ask for, small to large; MIG instances have a class a profile."""


def jobs_of(table: pl.DataFrame) -> pl.DataFrame:
    """Return a row a job, in the order of their first rows.

    Parameters
    ----------
    table
        ``jobs.parquet``, the columns of ``JOB_COLUMNS``.

    Returns
    -------
    ``row`` the first row, ``job`` the name, ``user``, ``queue``, ``asks`` in words, ``size`` its
    class, ``models`` that it may use, ``asked_milli`` of all its GPUs (null: it depends on the
    GPU), ``asked_gpus`` of at least ``asked_each`` milli, ``arrival_s``, ``start_s``, ``finish_s``,
    ``wait_s``, ``status``, ``stops`` (preemptions, kills and lost nodes).
    """
    import polars as pl

    rows = table.with_row_index("row").with_columns(
        asks=_asks(),
        gpus=pl.col("pods").cast(pl.Int64) * pl.col("gpu_count"),
        milli=_milli(),
        each=pl.col("gpu_milli"),
        stops=pl.col("preemptions") + pl.col("oom_kills") + pl.col("failures"),
    )
    gangs = rows["gang"] != ""
    if not gangs.any():
        rows = rows.with_columns(job=pl.col("name"))
    else:
        key = pl.when(pl.col("gang") != "").then(-1).otherwise(pl.col("row").cast(pl.Int64))
        rows = rows.group_by([key.alias("key"), pl.col("gang")], maintain_order=True).agg(
            pl.col("name").first(),
            pl.all().exclude("name", "gang", "gpus", "milli", "each", "asks").first(),
            pl.col("gpus").sum(),
            pl.col("each").filter(pl.col("gpus") > 0).min().fill_null(0),
            pl.when(pl.col("milli").null_count() == 0).then(pl.col("milli").sum()).alias("milli"),
            pl.col("asks").unique(maintain_order=True).str.join(" + "),
        )
        rows = rows.with_columns(
            job=pl.when(pl.col("gang") != "").then(pl.col("gang")).otherwise(pl.col("name"))
        )
    return rows.select(
        "row", "job", "user", "queue", "asks",
        _size().alias("size"), pl.col("gpu_models").alias("models"),
        pl.col("milli").alias("asked_milli"), pl.col("each").alias("asked_each"),
        pl.col("gpus").alias("asked_gpus"),
        "arrival_s", "start_s", "finish_s", "wait_s", "status", "stops",
    )  # fmt: skip


def _asks() -> pl.Expr:
    """Return what a row asks for, in words."""
    import polars as pl

    count, milli, memory = pl.col("gpu_count"), pl.col("gpu_milli"), pl.col("gpu_memory_mib")
    many = pl.when(count == 1).then(pl.lit("")).otherwise(pl.format("{} × ", count))
    gpus = pl.when(count == 1).then(pl.lit("1 GPU")).otherwise(pl.format("{} GPUs", count))
    part = pl.format("{}{} GPU", many, milli / 1000)
    with_memory = pl.format("{} and {} GiB of it", part, (memory / 1024).round(1))
    each = (
        pl.when(count == 0)
        .then(pl.lit(NO_GPU))
        .when(pl.col("mig_profile") != "")
        .then(pl.format("{}{}", many, pl.col("mig_profile")))
        .when((milli == 1000) & (memory == 0))
        .then(gpus)
        .when(memory == 0)
        .then(part)
        .otherwise(with_memory)
    )
    pods = pl.col("pods")
    return pl.when(pods == 1).then(each).otherwise(pl.format("{} pods of {}", pods, each))


def _milli() -> pl.Expr:
    """Return the milli-GPU of a row; null where they depend on the GPU."""
    import polars as pl

    all_of_it = pl.col("pods").cast(pl.Int64) * pl.col("gpu_count") * pl.col("gpu_milli")
    return pl.when(pl.col("mig_profile") == "").then(all_of_it)


def _size() -> pl.Expr:
    import polars as pl

    gpus, profile = pl.col("gpus"), pl.col("mig_profile")
    size: Any = (
        pl.when(gpus == 0)
        .then(pl.lit(NO_GPU))
        .when(profile != "")
        .then(pl.format("MIG {}", profile))
        .when((gpus == 1) & (pl.col("milli").fill_null(0) < 1000))
        .then(pl.lit(PART))
    )
    for most, name in _SIZES:
        size = size.when(gpus <= most).then(pl.lit(name))
    return cast("pl.Expr", size.otherwise(pl.lit(_MOST)))
