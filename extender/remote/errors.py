"""The errors of a client, beside those of the scheduler.

::

    BayplanError
    └── RemoteError       a call that came to nothing
        ├── Unreachable   nobody answers, or not yet, or not in time
        └── NotAllowed    the server does not serve a client of this certificate, or not of this uid
"""

from __future__ import annotations

from bayplan.scheduler.errors import BayplanError


class RemoteError(BayplanError):
    """A call came to nothing; the text says where and why."""


class Unreachable(RemoteError):
    """Nobody answers, or not yet, or not in time. What was asked for may have been done."""


class NotAllowed(RemoteError):
    """The server does not serve a client of this certificate, or a uid is another client's."""
