"""Answers of the API server: whole, or as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, NamedTuple

import urllib3
from urllib3.exceptions import HTTPError, ReadTimeoutError

from bayplan.extender.api.errors import ApiError

CHUNK = 1 << 18


class Silence(ApiError):
    """Nothing has come for so long as was to be waited."""


class Reply(NamedTuple):
    """An answer with a status of 2xx."""

    status: int
    data: bytes


class Stream:
    """An answer that is read as it comes.

    Parameters
    ----------
    response
        The answer.
    what
        The request, for errors.
    """

    def __init__(self, response: urllib3.BaseHTTPResponse, what: str) -> None:
        self._response: Any = response
        self._what = what

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # One that was not read to its end cannot be used for another request.
        self._response.close()

    def read(self) -> bytes:
        """Return all of it.

        Raises
        ------
        ApiError
            It breaks off.
        """
        data: bytes = self._guarded(self._response.read)
        self._response.release_conn()
        return data

    def lines(self) -> Iterator[list[bytes]]:
        """Yield complete lines without their newlines, as many at once as have come.

        A line that breaks off is left out.

        Raises
        ------
        ApiError
            The connection breaks, or (``Silence``) is silent for too long.
        """
        rest = b""
        while data := self._guarded(lambda: self._response.read1(CHUNK)):
            if b"\n" not in data:
                rest += data
                continue
            *lines, rest = (rest + data).split(b"\n")
            if found := [line for line in lines if line.strip()]:
                yield found

    def abort(self) -> None:
        """End a read that another thread is blocked in."""
        with suppress(ValueError, RuntimeError, OSError):  # it has ended already
            self._response.shutdown()

    def _guarded(self, read: Callable[[], bytes]) -> bytes:
        try:
            return read()
        except ReadTimeoutError:
            raise Silence(f"{self._what}: no word") from None
        except (HTTPError, OSError, ValueError, AttributeError) as error:
            # The last two: another thread closed what is being read.
            raise ApiError(f"{self._what}: {type(error).__name__}") from None
