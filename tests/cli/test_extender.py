"""The commands of ``bayplan extender``: help, and a configuration from the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .support import Bayplan, started

WORDS = (
    ("extender",),
    *(("extender", name) for name in ("serve", "config", "check", "probe", "repartition")),
)


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_help_is_at_most_80_columns_wide(words: tuple[str, ...], bayplan: Bayplan) -> None:
    code, out, err = bayplan(*words, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: {' '.join(('bayplan', *words))}")
    assert max(map(len, out.splitlines())) <= 80


def test_help_names_every_command(bayplan: Bayplan) -> None:
    assert {"serve", "config", "check", "probe", "repartition"} <= set(
        bayplan("extender", "--help")[1].split()
    )


def test_a_configuration_that_is_printed_can_be_checked(bayplan: Bayplan, tmp_path: Path) -> None:
    code, out, _ = bayplan("extender", "config")
    file = tmp_path / "extender.toml"
    file.write_text(out)
    said = f"{file}: nothing wrong\n"
    assert (code, bayplan("extender", "config", "--check", str(file))) == (0, (0, said, ""))


def test_each_thing_that_is_wrong_is_a_line_with_the_name_of_the_program(
    bayplan: Bayplan, tmp_path: Path
) -> None:
    file = tmp_path / "extender.toml"
    file.write_text("[server]\nprot = 1\nport = 70000\n")
    assert bayplan("extender", "config", "--check", str(file)) == (
        2,
        "",
        f"bayplan: {file}: there is no key server.prot; did you mean port?\n"
        f"bayplan: {file}: server.port is 70000; write 0 to 65,535\n",
    )


@pytest.mark.parametrize("command", [("config", "--check"), ("serve", "--config"),
                                     ("check", "--config"), ("probe", "--config"),
                                     ("repartition", "--config")])  # fmt: skip
def test_a_broken_configuration_is_exit_code_2(
    command: tuple[str, ...], bayplan: Bayplan, tmp_path: Path
) -> None:
    file = tmp_path / "extender.toml"
    file.write_text("[server]\nport = 70000\n")
    code, out, err = bayplan("extender", *command, str(file))
    assert (code, out) == (2, "")
    assert err == f"bayplan: {file}: server.port is 70000; write 0 to 65,535\n"


@pytest.mark.parametrize(
    "command", [("config", "--check"), ("serve", "--config"), ("check", "--config")]
)
def test_a_policy_that_is_not_there_is_exit_code_2(
    command: tuple[str, ...], bayplan: Bayplan, tmp_path: Path
) -> None:
    file = tmp_path / "extender.toml"
    file.write_text("[placement]\npolicy = 'bestfit'\n")
    code, out, err = bayplan("extender", *command, str(file))
    assert (code, out) == (2, "")
    assert err == (
        f"bayplan: {file}: placement.policy is 'bestfit': unknown policy 'bestfit'; did you mean"
        " best-fit?\n"
    )


def test_check_without_a_cluster_is_exit_code_2(bayplan: Bayplan, tmp_path: Path) -> None:
    code, out, err = bayplan("extender", "check", "--kubeconfig", str(tmp_path / "none"))
    assert (code, out) == (2, "")
    assert err == (
        f"bayplan: no connection to Kubernetes: there is no file {tmp_path / 'none'}; name a"
        " kubeconfig: --kubeconfig\n"
    )


def test_a_kubeconfig_that_is_none_is_one_line(bayplan: Bayplan, tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text("a: b: c\n")
    code, out, err = bayplan("extender", "check", "--kubeconfig", str(file))
    assert (code, out) == (2, "")
    assert str(file) in err
    assert err.count("\n") == 1


def test_an_account_is_a_namespace_and_a_name(bayplan: Bayplan) -> None:
    code, _, err = bayplan("extender", "check", "--account", "bayplan")
    assert code == 2
    assert "--account is 'bayplan'; write it as namespace/name" in err


def test_the_command_line_starts_without_what_only_check_needs(tmp_path: Path) -> None:
    program = (
        "import sys, bayplan.cli;"
        "print({'yaml', 'kubernetes', 'uvicorn', 'msgspec'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
    assert started("extender", "config", cwd=tmp_path).returncode == 0
