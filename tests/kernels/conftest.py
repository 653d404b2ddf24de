from __future__ import annotations

import pytest

AFTER_ALL_OTHERS = "test_no_call_so_far_made_a_kernel_specialise_again"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the count of specialisations behind everything that calls kernels."""
    items.sort(key=lambda item: item.name == AFTER_ALL_OTHERS)
