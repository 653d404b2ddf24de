"""Both servers, from the start to the end: told to stop, they do so beside each other.

So a Pod needs ``server.drain_s``, ``server.grace_s`` and ``CLOSING_S`` in all, whatever is served.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bayplan.extender.http.server import FORCED, Server
from bayplan.extender.leading.runner import RELEASE_S
from bayplan.extender.tracing.starting import MOST_FLUSH_S
from bayplan.extender.watch.watches import STOP_S

if TYPE_CHECKING:
    from bayplan.extender.rpc.server import RpcServer

CLOSING_S = RELEASE_S + STOP_S + MOST_FLUSH_S
"""How long the rest takes at most: our Lease is given up, watches end, the last spans are sent."""


async def run(server: Server, rpc: RpcServer | None) -> int:
    """Serve until told to stop; return the exit code of ``Server.run``.

    Parameters
    ----------
    server
        Is told to stop, once or twice.
    rpc
        Stops with it; None: there is no gRPC service.
    """
    if rpc is None:
        return await server.run()
    await rpc.start()
    ending = asyncio.create_task(rpc.stop_once(server.stopping, server.drain_s))
    forced = asyncio.create_task(server.forced.wait())
    try:
        code = await server.run()
        await asyncio.wait((ending, forced), return_when=asyncio.FIRST_COMPLETED)
        return FORCED if server.forced.is_set() else code
    finally:
        for task in (ending, forced):
            task.cancel()
        await rpc.stop()
