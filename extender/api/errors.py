"""What the API server refuses, and what does not reach it."""

from __future__ import annotations

import msgspec

MOST_TEXT = 300


class ApiError(Exception):
    """A request that failed.

    Parameters
    ----------
    text
        What is wrong, for people; never a body, never a credential.
    status
        The HTTP status; 0 where there was no answer.
    reason
        The ``reason`` of the Status object, such as ``AlreadyExists``.
    retry_after_s
        What the answer wished.
    """

    def __init__(
        self, text: str, status: int = 0, reason: str = "", retry_after_s: float = 0.0
    ) -> None:
        super().__init__(text)
        self.status = status
        self.reason = reason
        self.retry_after_s = retry_after_s


class TooLate(ApiError):
    """A request that was not sent, since its time was over.

    It has the status of a precondition that failed (RFC 9110, 15.5.13): it was surely not done.

    Parameters
    ----------
    text
        What is wrong, for people.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text, 412)


class _Status(msgspec.Struct):
    reason: str | None = ""
    message: str | None = ""


_status = msgspec.json.Decoder(_Status)


def error_of(what: str, status: int, retry_after: str, data: bytes, secret: str) -> ApiError:
    """Return the error that an answer is.

    Parameters
    ----------
    what
        The request: its method and path.
    status
        The HTTP status.
    retry_after
        The ``Retry-After`` header: seconds, empty where there is none.
    data
        The body; of a Status object only ``reason`` and the begin of ``message`` are taken.
    secret
        A credential: a server that gives it back is not to bring it into a log.
    """
    reason = message = ""
    try:
        found = _status.decode(data)
        reason, message = found.reason or "", found.message or ""
    except msgspec.DecodeError:
        pass  # some proxy's page
    text = f"{what}: HTTP {status}"
    if reason or message:
        text += f" {reason}: {message}" if reason else f": {message}"
    if secret:
        text = text.replace(secret, "(hidden)")
        reason = reason.replace(secret, "(hidden)")
    seconds = float(retry_after) if retry_after.isascii() and retry_after.isdecimal() else 0.0
    return ApiError(text[:MOST_TEXT], status, reason, seconds)
