"""Queries to a Prometheus server, and what is made of its answers."""

from __future__ import annotations

import json
import re

import pytest

from bayplan.extender.health.prometheus import queries, read_answer
from bayplan.extender.health.shown import Gpu, gather

SICK = (
    '{__name__=~"DCGM_FI_DEV_XID_ERRORS|DCGM_EXP_XID_ERRORS_COUNT|DCGM_EXP_XID_ERRORS_TOTAL'
    "|DCGM_FI_DEV_ROW_REMAP_FAILURE|DCGM_FI_DEV_ROW_REMAP_PENDING|DCGM_FI_DEV_ECC_DBE_VOL_TOTAL"
    '|DCGM_FI_DEV_RETIRED_PENDING"} > 0'
)


def test_only_what_is_above_0_is_asked_for_and_all_of_nodes_that_are_watched() -> None:
    assert queries("Hostname", []) == [SICK]
    sick, watched = queries("node", ["gpu-1.example", "a"])
    assert sick == SICK
    assert watched.endswith('|DCGM_FI_DEV_GPU_UTIL",node=~"a|gpu-1[.]example"}')
    pattern = watched.partition("node=~")[2].strip('"}')
    names = ["gpu-1.example", "gpu-1xexample", "a", "ab"]
    assert [name for name in names if re.fullmatch(pattern, name)] == ["gpu-1.example", "a"]


def test_an_answer_has_samples() -> None:
    metric = {"__name__": "DCGM_FI_DEV_XID_ERRORS", "Hostname": "a", "UUID": "GPU-1", "gpu": "2",
              "instance": "10.0.0.1:9400", "job": "dcgm-exporter"}  # fmt: skip
    data = {"resultType": "vector", "result": [{"metric": metric, "value": [1764365000.2, "79"]}]}
    body = json.dumps({"status": "success", "data": data}).encode()
    assert gather(read_answer(body), "Hostname") == {"a": {"GPU-1": Gpu(2, {79})}}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"status":"error","errorType":"bad_data","error":"parse error"}', "failed: parse error"),
        ('{"status":"success"}', "failed: success"),
        ('{"status":"success","data":{"resultType":"matrix","result":[]}}', "a matrix and no"),
        ('{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}', "a scalar and no"),
        ('{"status":"success","data":{"resultType":"vector","result":[{"metric":1}]}}', "Expected"),
        ("<html>", "malformed"),
        ('{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"x"]}]}}',
         "could not convert"),
    ],
)  # fmt: skip
def test_what_is_no_vector_is_an_error(body: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_answer(body.encode())
