"""Why a pod waits: its Event has the very text that ``bayplan why`` prints."""

from __future__ import annotations

import pytest

from bayplan import cli

from ..controlplane.client import Client, wait_for
from ..controlplane.cluster import add_nodes, events
from ..controlplane.nodes import plain
from .asking import gang
from .running import Extender

pytestmark = pytest.mark.controlplane


def says(client: Client, name: str) -> list[str]:
    return [each.get("note") or each["message"] for each in events(client, name, "BayplanPending")]


def test_the_event_of_an_impossible_gang_is_what_the_command_prints(
    client: Client, shared: Extender, capfd: pytest.CaptureFixture[str]
) -> None:
    add_nodes(client, plain("a"), plain("b"))
    members = gang("wide", 10, 8)  # 80 GPUs, where there are 16
    names = [each["metadata"]["name"] for each in members]
    client.create_all(members)
    capfd.readouterr()
    for name in names:
        assert cli._run(["why", "wide", "--url", shared.address]) == 0
        printed = capfd.readouterr().out
        _wait_for_event(client, name, printed.rstrip("\n"))
        assert cli._run(["why", name, "--url", shared.address]) == 0
        assert capfd.readouterr().out == printed
    assert cli._run(["why", "nobody", "--url", shared.address]) == 2
    assert "there is no pod or gang default/nobody" in capfd.readouterr().err
    # One that says what is there already is not written again, however often they are asked for.
    before = {name: says(client, name) for name in names}
    client.create_all(gang("more", 3, 8))
    wait_for("an event of the others", lambda: says(client, "more-0"))
    assert {name: says(client, name) for name in names} == before


def _wait_for_event(client: Client, name: str, text: str) -> None:
    wait_for(f"the event of {name}", lambda: text in says(client, name))
