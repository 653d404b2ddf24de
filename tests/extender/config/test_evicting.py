"""The keys of evictions for gangs."""

from __future__ import annotations

from pathlib import Path

from bayplan.extender.config.evicting import evicting_settings
from bayplan.extender.config.reading import read_config
from bayplan.extender.evicting.settings import Evicting


def test_it_is_off_by_default_and_its_defaults_are_those_of_the_settings(tmp_path: Path) -> None:
    assert evicting_settings(read_config(None)) is None
    file = tmp_path / "extender.toml"
    file.write_text('[preemption]\nevict = "gangs"\n', encoding="utf-8")
    assert evicting_settings(read_config(file)) == Evicting()


def test_every_key_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "extender.toml"
    text = '[preemption]\nevict = "gangs"\nschedulers = "one, two"\nwait_s = 1\n'
    text += "evictions_a_minute = 2\nhold_s = 3.5\nrefused_s = 4\ncooldown_s = 5\n"
    file.write_text(text, encoding="utf-8")
    wanted = Evicting(frozenset({"one", "two"}), 1.0, 2, 3.5, 4.0, 5.0)
    assert evicting_settings(read_config(file)) == wanted
