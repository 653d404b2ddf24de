from __future__ import annotations

from collections.abc import Callable

import pytest

from bayplan.scheduler.errors import InputError
from bayplan.traces import canonical
from bayplan.traces.builtin import builtin_nodes, builtin_pods
from bayplan.traces.columns import Column
from bayplan.traces.registry import FORMATS, known, read_nodes, read_pods

Write = Callable[..., str]

CANONICAL_PODS = "name,cpu_milli,memory_mib,gpu_count,gpu_milli\na,1,2,1,3\n"
OPENB_NODES = "sn,cpu_milli,memory_mib,gpu,model\nn,1,2,3,T4\n"


def problem(path: str, kind: str = "pods", format: str = "auto") -> str:
    with pytest.raises(InputError) as error:
        (read_pods if kind == "pods" else read_nodes)(path, format)
    return str(error.value)


def test_the_format_is_known_by_the_header(write: Write) -> None:
    assert read_pods(write(CANONICAL_PODS)).gpu_milli.tolist() == [3]
    assert read_nodes(write(OPENB_NODES)).gpu_model == ("T4",)


def test_a_header_of_no_format_says_what_is_missing_of_which(write: Write) -> None:
    line = problem(write("name,cpu_milli,memory_mib,gpus\na,1,1,1\n"))
    start = "pods.csv: the columns (name, cpu_milli, memory_mib, gpus) match no pod format: "
    assert line.startswith(start)
    assert line.endswith("; rename the columns or add the missing ones")
    assert "canonical lacks gpu_count, gpu_milli; " in line
    assert "openb lacks num_gpu, gpu_milli; " in line
    assert line.count(" lacks ") == len(FORMATS)


def test_a_misspelled_column_is_named_with_its_slip(write: Write) -> None:
    slips = {
        CANONICAL_PODS.replace("gpu_count", "gpu_counts"): ("gpu_count", "gpu_counts"),
        "name,cpu_milli,memory_mib,numgpu,gpu_milli\na,1,2,1,3\n": ("num_gpu", "numgpu"),
        CANONICAL_PODS.replace("cpu_milli", "cpu_mili"): ("cpu_milli", "cpu_mili"),
    }
    for text, (column, slip) in slips.items():
        line = problem(write(text))
        assert line.startswith(f"pods.csv: there is no column '{column}', only name, ")
        assert line.endswith(f"; rename '{slip}' to it?")


@pytest.mark.parametrize("mark", [";", "\t"])
def test_columns_separated_by_something_else_are_told_so(mark: str, write: Write) -> None:
    assert problem(write(CANONICAL_PODS.replace(",", mark))) == (
        f"pods.csv: the columns are separated by {mark!r}; separate them by commas"
    )


def test_pods_and_nodes_are_not_taken_for_each_other(write: Write) -> None:
    assert problem(write(CANONICAL_PODS), "nodes") == (
        "pods.csv: this is a pod list (canonical); a node list is needed; "
        "give another file, or name the format"
    )
    assert problem(write(OPENB_NODES), "pods") == (
        "pods.csv: this is a node list (openb); a pod list is needed; "
        "give another file, or name the format"
    )


def test_an_unknown_format_suggests_the_nearest(write: Write) -> None:
    path = write(CANONICAL_PODS)
    assert problem(path, format="openB") == (
        "there is no trace format 'openB'; did you mean 'openb'?"
    )
    names = ", ".join(["auto", *(each.name for each in FORMATS)])
    assert problem(path, format="xyz") == f"there is no trace format 'xyz'; choose {names}"


def test_a_named_format_is_not_guessed(write: Write) -> None:
    assert problem(write(CANONICAL_PODS), format="openb").startswith(
        "pods.csv: there is no column 'num_gpu'"
    )


def test_the_list_names_every_format_in_one_line_each() -> None:
    rows = known()
    assert [name for kind, name, _ in rows if kind == "format"] == [each.name for each in FORMATS]
    assert ("trace", "builtin") in [(kind, name) for kind, name, _ in rows]
    assert all(summary and "\n" not in summary for _, _, summary in rows)


def test_every_format_has_its_own_required_columns() -> None:
    def required(columns: tuple[Column, ...]) -> frozenset[str]:
        return frozenset(column.name for column in columns if column.required)

    assert len({required(each.pod_columns) for each in FORMATS}) == len(FORMATS)
    assert len({required(each.node_columns) for each in FORMATS}) == len(FORMATS)


def test_the_builtin_trace_reads_as_canonical(write: Write) -> None:
    path = write(canonical.csv_text(builtin_nodes()))
    assert len(read_nodes(path)) == len(builtin_nodes())
    path = write(canonical.csv_text(builtin_pods()))
    assert len(read_pods(path)) == len(builtin_pods())
