"""Work beside the loop: what comes of it, and that nobody waits for it at the end."""

from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import threading

import pytest

from bayplan.extender import aside, loop

PATIENCE_S = 20.0

WHO = contextvars.ContextVar("WHO", default="nobody")


def test_it_returns_and_raises_what_the_work_does() -> None:
    def divide(above: int, *, below: int) -> float:
        return above / below

    async def main() -> None:
        assert await aside.aside(divide, 3, below=2) == 1.5
        with pytest.raises(ZeroDivisionError):
            await aside.aside(divide, 3, below=0)

    asyncio.run(main())


def test_the_work_has_the_context_of_who_asks() -> None:
    async def main() -> str:
        WHO.set("me")
        return await aside.aside(WHO.get)

    assert asyncio.run(main()) == "me"


def test_as_much_goes_on_at_once_as_there_are_threads_and_the_rest_waits() -> None:
    go, begun = threading.Event(), threading.Semaphore(0)

    def work() -> None:
        begun.release()
        assert go.wait(PATIENCE_S)

    async def main() -> None:
        tasks = [asyncio.create_task(aside.aside(work)) for _ in range(aside.MOST_THREADS + 3)]
        await asyncio.sleep(0)
        for _ in range(aside.MOST_THREADS):
            assert begun.acquire(timeout=PATIENCE_S)
        assert not begun.acquire(timeout=0.05)
        go.set()
        await asyncio.gather(*tasks)

    asyncio.run(main())


def test_the_loop_ends_while_work_goes_on_and_work_that_waits_is_dropped() -> None:
    go, ended, dropped = threading.Event(), threading.Semaphore(0), list[int]()
    begun: list[int] = []

    def work() -> None:
        begun.append(1)
        go.wait(PATIENCE_S)
        ended.release()

    async def main() -> None:
        tasks = [asyncio.create_task(aside.aside(work)) for _ in range(aside.MOST_THREADS)]
        async with asyncio.timeout(PATIENCE_S):
            while len(begun) < aside.MOST_THREADS:
                await asyncio.sleep(0.001)
        tasks.append(asyncio.create_task(aside.aside(dropped.append, 1)))
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(each, asyncio.CancelledError) for each in found)

    loop.run(main())
    assert not ended.acquire(blocking=False)
    go.set()
    for _ in range(aside.MOST_THREADS):
        assert ended.acquire(timeout=PATIENCE_S)
    asyncio.run(aside.aside(int))  # whatever was due is past
    assert dropped == []


PROCESS = """
import asyncio, sys, time
from bayplan.extender import loop
from bayplan.extender.aside import aside, leave

async def main():
    task = asyncio.create_task(aside(time.sleep, 600 if sys.argv[1] == "busy" else 0))
    await asyncio.sleep(0)
    if sys.argv[1] == "busy":
        task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    print("over")
    return 3

sys.exit(leave(loop.run(main())))
"""


@pytest.mark.parametrize("how", ["busy", "idle"])
def test_the_process_ends_with_its_code_whether_or_not_work_goes_on(how: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROCESS, how],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "over\n", "")
