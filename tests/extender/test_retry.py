"""What is sent again, and when."""

from __future__ import annotations

import pytest

from bayplan.extender.api.errors import MOST_TEXT, ApiError, error_of
from bayplan.extender.api.retry import TRANSIENT, wait_before_retry


def error(status: int, retry_after_s: float = 0.0) -> ApiError:
    return ApiError("failed", status, retry_after_s=retry_after_s)


@pytest.mark.parametrize("status", [0, 429, 500, 502, 503, 504])
def test_transient_errors_are_tried_again(status: int) -> None:
    assert wait_before_retry(error(status), 1, 10.0, 1.0) == 0.1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 413, 422])
def test_others_are_answers(status: int) -> None:
    assert wait_before_retry(error(status), 1, 10.0, 1.0) is None


def test_what_else_is_tried_again_is_for_the_caller_to_say() -> None:
    assert wait_before_retry(error(409), 1, 10.0, 1.0, again=TRANSIENT | {409}) == 0.1
    assert wait_before_retry(error(429), 1, 10.0, 1.0, again=TRANSIENT - {429}) is None


def test_waits_double_up_to_a_limit_and_half_of_each_is_chance() -> None:
    waits = [wait_before_retry(error(0), n, 100.0, 1.0) for n in range(1, 9)]
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert wait_before_retry(error(0), 3, 100.0, 0.0) == 0.2


def test_the_wish_of_the_answer_is_kept() -> None:
    assert wait_before_retry(error(429, 3.0), 1, 10.0, 1.0) == 3.0


def test_no_wait_reaches_the_deadline() -> None:
    assert wait_before_retry(error(429, 3.0), 1, 3.0, 1.0) is None
    assert wait_before_retry(error(500), 1, 0.05, 0.0) is None


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b'{"reason":"Conflict","message":"no"}', "PUT /x: HTTP 409 Conflict: no"),
        (b'{"message":"no"}', "PUT /x: HTTP 409: no"),
        (b'{"reason":null}', "PUT /x: HTTP 409"),
        (b"<html>proxy secret</html>", "PUT /x: HTTP 409"),
    ],
)
def test_an_error_says_what_the_server_says(data: bytes, text: str) -> None:
    assert str(error_of("PUT /x", 409, "", data, "")) == text


def test_an_error_is_short_and_without_the_credential() -> None:
    data = b'{"reason":"Bad","message":"got s3cret' + b"x" * 10_000 + b'"}'
    found = error_of("GET /x", 400, "", data, "s3cret")
    assert str(found).startswith("GET /x: HTTP 400 Bad: got (hidden)xxx")
    assert len(str(found)) == MOST_TEXT


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("", 0.0), ("soon", 0.0), ("-1", 0.0)])
def test_retry_after_is_a_number_of_seconds(header: str, seconds: float) -> None:
    assert error_of("GET /x", 429, header, b"", "").retry_after_s == seconds
