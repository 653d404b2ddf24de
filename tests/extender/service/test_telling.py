"""Events of pods that wait: the lines of the page, once, soon, and again when they say more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from bayplan.extender.service import telling
from bayplan.extender.service.service import Service
from extender_things import bound, gang_pod, node, pod

from .test_service import Api, Object, gang, run, service_of

NODES = ["a", "b"]


def ask(service: Service, *things: Object) -> None:
    for thing in things:
        assert not service.filter(thing, NODES, holds=True).passed


async def until(what: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not what():
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "SETTLE_S", 0.01)
    monkeypatch.setattr(telling, "GROWS_S", 0.02)
    monkeypatch.setattr(telling, "LATE_S", 60.0)


def notes(api: Api, name: str) -> list[str]:
    return [note for who, reason, note in api.told if (who, reason) == (name, "BayplanPending")]


def test_the_note_is_what_the_page_says_and_it_is_written_once() -> None:
    async def main() -> None:
        one, other = pod("p", 9), pod("q", 5)
        service, api, _ = service_of(
            node("a"), node("b", 0), pods=(one, other, pod("x", 6, at="a"))
        )
        ask(service, one, other)
        await until(lambda: len(api.told) == 2)
        for name in ("p", "q"):
            page = await service.explain("default", name)
            assert notes(api, name) == [page["text"]]
        assert notes(api, "q") == [
            "Pod default/q waits: it asks for 5 GPUs, 1 CPU, 1 GiB.\n"
            "2 nodes: 1 × too few GPUs, or each too small; 1 × too few GPUs with enough free\n"
            "Nearest: a: 2 of 5 GPUs free; 3 more GPUs needed; enough CPU and memory\n"
            "What would help, the gentlest first:\n"
            "  1. add 1 node like a: 8 GPUs of A100-80GB, 96 CPU, 768 GiB"
        ]
        ask(service, one, other, one)
        await asyncio.sleep(0.1)
        assert len(api.told) == 2

    run(main())


def test_all_members_of_a_gang_are_told_the_answer_of_the_gang() -> None:
    async def main() -> None:
        pods = tuple(gang_pod(f"g-{k}", "g", 8) for k in range(4))
        service, api, _ = service_of(node("a"), node("b"), pods=pods)
        ask(service, *pods)
        await until(lambda: len(api.told) == 4)
        text = (await service.explain("default", "g"))["text"]
        assert [notes(api, f"g-{k}") for k in range(4)] == [[text]] * 4
        assert text.split("\n") == [
            "Gang default/g waits: 2 of 4 members find a place, 4 must start together.",
            "Each member asks for 8 GPUs, 1 CPU, 1 GiB.",
            "The first without a place is default/g-2; by itself it fits 2 nodes, which",
            "  siblings take.",
            "What would help, the gentlest first:",
            "  1. add 2 nodes like a: 8 GPUs of A100-80GB, 96 CPU, 768 GiB",
        ]
        assert text == (await service.explain("default", "g-3"))["text"]

    run(main())


def test_other_numbers_are_told_after_a_while_and_another_reason_at_once() -> None:
    async def main() -> None:
        pods = gang(4)
        service, api, time = service_of(node("a"), node("b"), pods=(pods[0],))
        ask(service, pods[0])
        await until(lambda: api.told)
        assert notes(api, "g-0") == [
            "Gang default/g waits: 1 of 4 pods exist\nEach member asks for 4 GPUs, 1 CPU, 1 GiB."
        ]
        service.changed("Pod", pods[1])
        ask(service, pods[0])
        await asyncio.sleep(0.1)
        assert len(api.told) == 1
        time.now_s += telling.AGAIN_S
        ask(service, pods[0])
        await until(lambda: len(api.told) == 2)
        assert notes(api, "g-0")[1].startswith("Gang default/g waits: 2 of 4 pods exist\n")
        for thing in (pods[2], pods[3], pod("x", 8, at="a"), pod("y", 4, at="b")):
            service.changed("Pod", thing)
        ask(service, pods[0])
        await until(lambda: len(api.told) == 3)
        assert "1 of 4 members find a place" in notes(api, "g-0")[2]

    run(main())


def test_who_was_told_that_members_are_missing_is_told_with_the_last_why_the_gang_waits() -> None:
    async def main() -> None:
        pods = gang(4)
        busy = pod("x", 8, at="a"), pod("y", 4, at="b")
        service, api, _ = service_of(node("a"), node("b"), pods=(*pods[:3], *busy))
        ask(service, *pods[:3])
        await until(lambda: len(api.told) == 3)
        assert all("3 of 4 pods exist" in note for _, _, note in api.told)
        service.changed("Pod", pods[3])
        ask(service, pods[3])  # kube-scheduler asks for the others seconds later only
        await until(lambda: len(api.told) == 7)
        text = (await service.explain("default", "g"))["text"]
        assert [notes(api, f"g-{k}")[-1] for k in range(4)] == [text] * 4
        assert "1 of 4 members find a place" in text
        ask(service, *pods)
        await asyncio.sleep(0.1)
        assert len(api.told) == 7

    run(main())


def test_while_a_gang_grows_nobody_is_told_that_members_are_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        monkeypatch.setattr(telling, "GROWS_S", 60.0)
        pods = gang(4)
        busy = pod("x", 8, at="a"), pod("y", 4, at="b")
        service, api, _ = service_of(node("a"), node("b"), pods=(*pods[:1], *busy))
        ask(service, pods[0])
        await asyncio.sleep(0.1)
        for each in pods[1:]:
            service.changed("Pod", each)
            ask(service, each)
        await until(lambda: len(api.told) == 4)
        assert all("1 of 4 members find a place" in note for _, _, note in api.told)

    run(main())


def test_a_gang_that_grows_for_long_is_told_that_members_are_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        monkeypatch.setattr(telling, "GROWS_S", 60.0)
        monkeypatch.setattr(telling, "MOST_GROWS_S", 0.05)
        pods = gang(4)
        service, api, _ = service_of(node("a"), pods=pods[:2])
        ask(service, *pods[:2])
        await until(lambda: len(api.told) == 2)
        assert all("2 of 4 pods exist" in note for _, _, note in api.told)

    run(main())


def test_a_reason_that_changes_while_the_one_before_is_worked_out_is_told() -> None:
    async def main() -> None:
        pods, wide = gang(4), pod("wide", 9)
        service, api, _ = service_of(node("a"), pods=(*pods[:3], wide))
        working, go_on = asyncio.Event(), asyncio.Event()
        all_of = service.answering.all_of

        async def slow(questions: Mapping[str, Any]) -> dict[str, Any]:
            found = await all_of(questions)
            working.set()
            await go_on.wait()
            return found

        service.answering.all_of = slow  # type: ignore[method-assign]
        ask(service, *pods[:3])
        await working.wait()
        service.changed("Pod", pods[3])
        ask(service, pods[3])
        go_on.set()
        await until(lambda: all(len(notes(api, f"g-{k}")) for k in range(4)))
        assert all("members find a place" in notes(api, f"g-{k}")[-1] for k in range(4))

    run(main())


def test_what_is_said_of_one_member_alone_is_not_told_the_others() -> None:
    async def main() -> None:
        pods = gang(2)
        odd = gang_pod("g-2", "g", asks={"nvidia.com/gpu": "1", "nvidia.com/gpumem": "1"})
        service, api, _ = service_of(node("a"), pods=(*pods, odd))
        ask(service, *pods)
        await until(lambda: len(api.told) == 2)
        ask(service, odd)
        await until(lambda: notes(api, "g-2"))
        await asyncio.sleep(0.1)
        assert len(api.told) == 3

    run(main())


def test_where_the_worker_is_late_the_reason_is_told_at_once_and_the_rest_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        thing = pod("p", 9)
        service, api, _ = service_of(node("a"), node("b"), pods=(thing,))
        monkeypatch.setattr(telling, "LATE_S", 0.02)
        monkeypatch.setattr(telling, "SETTLE_S", 0.2)
        ask(service, thing)
        await until(lambda: len(api.told) == 2)
        first, second = notes(api, "p")
        assert first.split("\n") == [
            "Pod default/p waits.",
            "2 nodes: too few GPUs, or each too small",
            "What would help is still being looked for.",
        ]
        assert second == (await service.explain("default", "p"))["text"]

    run(main())


def test_who_has_room_or_is_gone_meanwhile_is_not_told_of() -> None:
    async def main() -> None:
        stays, goes, starts = pod("stays", 9), pod("goes", 9), pod("starts", 5)
        busy = pod("x", 6, at="a")
        service, api, _ = service_of(node("a"), pods=(stays, goes, starts, busy))
        ask(service, goes, starts, stays)
        service.deleted("Pod", goes)
        service.deleted("Pod", busy)
        assert service.filter(starts, ["a"], holds=True).passed
        await until(lambda: api.told)
        assert [who for who, _, _ in api.told] == ["stays"]
        service.changed("Pod", bound(starts, "a"))

    run(main())


def test_a_pod_that_is_gone_from_a_list_is_forgotten() -> None:
    async def main() -> None:
        service, api, _ = service_of(node("a"), pods=(pod("p", 9),))
        ask(service, pod("p", 9))
        await until(lambda: len(api.told) == 1)
        assert service.waiting.keys == service.telling.keys == ["default/p"]
        service.replacing("Pod")
        service.replaced("Pod")
        assert service.waiting.keys == service.telling.keys == []
        after = pod("p", 9)  # another one of that name
        service.changed("Pod", after)
        ask(service, after)
        await until(lambda: len(api.told) == 2)

    run(main())


def test_a_pod_that_would_fit_is_told_what_kube_scheduler_was_told() -> None:
    async def main() -> None:
        thing, busy = pod("p", 8), pod("x", 6, at="a")
        service, api, _ = service_of(node("a"), pods=(thing, busy))
        assert not service.filter(thing, ["a"], holds=True).passed
        service.deleted("Pod", busy)
        await until(lambda: api.told)
        assert notes(api, "p")[0].split("\n") == [
            "Pod default/p waits, and would fit now: on a.",
            "It was refused last: 1 node: too few GPUs with enough free",
        ]

    run(main())


def test_what_cannot_be_asked_about_does_not_come_up_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        pods = pod("p", 9), pod("q", 9)
        service, api, _ = service_of(node("a"), node("b"), pods=pods)
        asks = list[str]()

        def fails(owner: object, name: str, now_s: float) -> None:
            asks.append(name)
            raise ValueError(name)

        with monkeypatch.context() as patched:
            patched.setattr(telling, "asked", fails)
            ask(service, pods[0])
            await until(lambda: asks)
            await asyncio.sleep(0.2)
            assert asks == ["default/p"]
        ask(service, pods[1])
        await until(lambda: notes(api, "q"))

    run(main())
