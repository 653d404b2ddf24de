"""Queues in a configuration, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bayplan.extender.config.queues import queueing_settings, read_tree
from bayplan.extender.config.reading import read_config, template
from bayplan.extender.live.rounds import Queueing, Reclaim
from bayplan.scheduler.errors import InputError
from bayplan.scheduler.queues import QueueTree

QUEUES = """
[queues.research]
limit = { gpu = 8000 }
[queues.vision]
parent = "research"
guaranteed = { gpu = 4000 }
weight = 2
"""


def tree_of(folder: Path, text: str, *, files: bool = True) -> QueueTree | None:
    file = folder / "extender.toml"
    file.write_text(text)
    return read_tree(file, read_config(file), files=files)


def test_without_queues_there_are_none(tmp_path: Path) -> None:
    assert tree_of(tmp_path, template()) is None
    assert read_tree(None, read_config(None)) is None
    assert queueing_settings(read_config(None)) == Queueing()


def test_queues_stand_beside_the_keys_of_their_table(tmp_path: Path) -> None:
    text = """
[queues]
lift = true
order = "drf"
backfill = "conservative"
reclaim = "evict"
evictions_a_minute = 3
min_run_s = 60
"""
    tree = tree_of(tmp_path, text + QUEUES)
    assert tree is not None
    assert tree.names == ("", "research", "vision")
    assert tree.queues["vision"].weight == 2.0
    assert queueing_settings(read_config(tmp_path / "extender.toml")) == Queueing(
        True, "drf", "conservative", Reclaim.EVICT, 3, 60.0
    )


def test_queues_of_a_file_of_their_own_are_the_same(tmp_path: Path) -> None:
    file = tmp_path / "queues.toml"
    file.write_text(QUEUES)
    said = f"[queues]\nfile = '{file}'\n"
    named, here = tree_of(tmp_path, said), tree_of(tmp_path, QUEUES)
    assert named is not None
    assert here is not None
    assert named.queues == here.queues
    file.unlink()
    assert tree_of(tmp_path, said, files=False) is not None  # it is where the extender runs
    with pytest.raises(InputError, match=r"queues\.toml"):
        tree_of(tmp_path, said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[queues]\nlift = true\n", "queues.lift is on without a queue; add a table [queues.NAME]"),
        ("[queues]\nreclaim = 'evict'\n", "queues.reclaim is on without a queue"),
        ("[queues]\nfile = 'q.toml'\n" + QUEUES, "queues.file beside [queues.research]; keep one"),
        ("[queues.a]\nparent = 'b'\n", "queue a: there is no queue b to be its parent"),
        ("[queues.a]\nquota = 1\n", "queue a: there is no field 'quota'; known are parent"),
        ("[queues]\norder = 'fare-share'\n", "queues.order: unknown ordering 'fare-share'"),
        ("[queues]\norder = 'gittins-2d'\n", "queues.order: ordering gittins-2d needs"),
        ("[queues]\nbackfill = 'hard'\n", "queues.backfill is 'hard'; choose from none, easy"),
        ("[queues]\nlimit = 3\n", "there is no key queues.limit; "),
        ("[queues.lift]\nweight = 1\n", "queues.lift is {'weight': 1}; write true or false"),
    ],
)
def test_what_cannot_be_is_one_line_that_names_the_file(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(InputError) as error:
        tree_of(tmp_path, text)
    message = str(error.value)
    assert message.startswith(f"{tmp_path / 'extender.toml'}: {said}")
    assert "\n" not in message
