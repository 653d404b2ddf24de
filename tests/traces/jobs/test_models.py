from __future__ import annotations

import pytest

from bayplan.traces.jobs.models import models_named


@pytest.mark.parametrize(
    ("text", "models"),
    [
        ("", ""),
        ("A10", "A10"),
        ("A100-SXM4-80GB", "A100-80GB"),
        ("a100_80gb", "A100-80GB"),
        ("NVIDIA-H100-80GB-HBM3", "H100-80GB-SXM"),
        ("a100", "A100-40GB|A100-80GB"),
        ("tesla_v100", "V100-16GB|V100-32GB"),
        ("GPU-series-1", "GPU-series-1"),
        ("rtx_9999", "rtx_9999"),
        ("nvidia_", "nvidia_"),
        ("a1", "a1"),
    ],
)
def test_names_of_clusters_are_those_of_the_catalogue(text: str, models: str) -> None:
    assert models_named(text) == models
