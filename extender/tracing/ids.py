"""The trace of a pod: its uid says which, so that calls find it without a header or memory."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Protocol

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_BYTES = 16


class NextTrace(Protocol):
    """Knows the id of the trace that the next span without a parent begins or joins."""

    trace_id: int


def trace_id_of(uid: str) -> int:
    """Return the id of a pod's trace (128 bits, never 0).

    That is the UUID itself, as kube-apiserver gives them: the uid without its hyphens finds the
    trace. Other uids are hashed (SHA-256), and so is the nil UUID, which is no valid trace id
    (W3C Trace Context, "trace-id").

    Parameters
    ----------
    uid
        The API's uid of the pod.
    """
    found = int(uid.replace("-", ""), 16) if _UUID.fullmatch(uid) else 0
    return found or int.from_bytes(sha256(uid.encode()).digest()[:_BYTES], "big")


def spread(trace_id: int) -> int:
    """Return an id whose low 64 bits are even, for samplers that compare these with a ratio.

    The highest two of them are always 10 in a UUID (RFC 9562, "variant"), and a ratio below a half
    would sample nothing; the 62 others are random.

    Parameters
    ----------
    trace_id
        The id of a pod's trace.
    """
    return trace_id >> 64 << 64 | (trace_id << 2) & (1 << 64) - 1
