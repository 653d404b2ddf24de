"""Settings that cannot be are one line."""

from __future__ import annotations

from typing import Any

import pytest

from bayplan.extender.http.settings import HttpSettings
from bayplan.scheduler.errors import InputError


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"prefix": "scheduler"}, "prefix is 'scheduler'; such as /scheduler"),
        ({"prefix": "/scheduler/"}, "prefix is '/scheduler/'; such as /scheduler"),
        ({"port": 65536}, "port is 65536; at most 65535"),
        ({"port": -1}, "port is -1; from 0 on"),
        ({"max_body_bytes": 0}, "max_body_bytes is 0; from 1 on"),
        ({"keep_alive_s": 0}, "keep_alive_s is 0; from 1 on"),
        ({"call_s": 0.0}, "a time limit is negative or zero"),
        ({"grace_s": -1}, "a time limit is negative or zero"),
    ],
)
def test_what_cannot_be_is_one_line(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError) as error:
        HttpSettings(**settings)
    assert str(error.value).startswith(text)


def test_defaults_fit_kube_scheduler() -> None:
    settings = HttpSettings()
    assert settings.call_s < 5  # DefaultExtenderTimeout
    assert settings.keep_alive_s > 90  # Go's http.Transport closes idle connections after that
