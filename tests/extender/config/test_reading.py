"""A configuration file: what is wrong with it is said by key, and the template says nothing new."""

from __future__ import annotations

import re
import socket
import tomllib
from pathlib import Path

import pytest

from bayplan.extender.config.health import health_settings
from bayplan.extender.config.keys import KEYS, TABLES
from bayplan.extender.config.policy import check_policy
from bayplan.extender.config.reading import read_config, template
from bayplan.extender.config.settings import http_settings, rpc_settings, service_settings
from bayplan.extender.health.settings import Health, Judging, Reading
from bayplan.extender.leading import configuring
from bayplan.extender.leading.configuring import leading_settings
from bayplan.extender.leading.settings import Leading, Timing
from bayplan.extender.live.settings import Rollback
from bayplan.scheduler.errors import InputError

ON = "[health]\nquarantine = true\n"


def written(folder: Path, text: str) -> Path:
    file = folder / "extender.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_template_is_the_defaults(tmp_path: Path) -> None:
    assert read_config(written(tmp_path, template())) == read_config(None)
    tables = tomllib.loads(template())
    assert list(tables) == list(TABLES)
    assert [f"{t}.{k}" for t, keys in tables.items() for k in keys] == [key.path for key in KEYS]


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    values = read_config(written(tmp_path, "[server]\nport = 8443\n[devices]\nhami = true\n"))
    assert values == dict(read_config(None)) | {"server.port": 8443, "devices.hami": True}
    assert read_config(written(tmp_path, "")) == read_config(None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[sever]\nport = 1", "there is no table sever; did you mean server?"),
        ("port = 1", "port stands in no table; write it below [server]"),
        ("hold_s = 1", "hold_s stands in no table; write it below [placement] or [gangs]"),
        ("zzz = 1", "zzz stands in no table; write it below one of [server], [tls], [api], "),
        ("server = 3", "server is a table; write [server], and its keys below"),
        ("[server]\nprot = 1", "there is no key server.prot; did you mean port?"),
        ("[log]\nzzz = 1", "there is no key log.zzz; known are format, level"),
        ("[server]\nport = '1'", "server.port is '1'; write a whole number"),
        ("[server]\nport = 1.5", "server.port is 1.5; write a whole number"),
        ("[server]\nport = true", "server.port is True; write a whole number"),
        ("[devices]\nhami = 1", "devices.hami is 1; write true or false"),
        ("[server]\nport = 65536", "server.port is 65536; write 0 to 65,535"),
        ("[gangs]\nhold_s = 0.5", "gangs.hold_s is 0.5; write 1 to 86,400"),
        ("[server]\nhttp_timeout_s = nan", "server.http_timeout_s is nan; write 1 to 3,600"),
        ("[server]\nhttp_timeout_s = inf", "server.http_timeout_s is inf; write 1 to 3,600"),
        ("[leader]\non = true\nretry_s = 3", "15, 10 and 3; let renew_s be at least twice retry_s"),
        (
            "[leader]\non = true\nlease_s = 10",
            "renew_s and retry_s are 10, 10 and 2; let",
        ),
        ("[leader]\non = true\nlease = ''", "leader.lease is empty; name the Lease"),
        ("[leader]\non = true\nlease = 'bayplan'", "leader.scheduler are both 'bayplan'"),
        ("[leader]\non = true\n[grpc]\nport = 1", "leader.on beside grpc.port"),
        ("[gangs]\nrollback = 'kill'", "gangs.rollback is 'kill'; choose from report, evict"),
        ("[tls]\ncertificate = 'c'", "tls has only one of certificate and key"),
        ("[tls]\nkey = 'k'", "tls has only one of certificate and key"),
        ("[tls]\nclient_ca = 'c'", "tls.client_ca without a certificate"),
        ("[server]\nprefix = 'scheduler'", "server.prefix is 'scheduler'; such as /scheduler"),
        ("[server]\nprefix = '/a/'", "server.prefix is '/a/'; such as /scheduler"),
        ("[server]\nprefix = ''", "server.prefix is ''; such as /scheduler"),
        ("[health]\nprometheus = 'http://p'", "health.prometheus without health.quarantine"),
        (f"{ON}prometheus = 'http://p'\nfile = 'f'", "health.prometheus and health.file are two"),
        (f"{ON}prometheus = 'p:9090'", "health.prometheus is 'p:9090'; such as http://"),
        (f"{ON}prometheus = 'http://[p'", "health.prometheus is 'http://[p'; such as http://"),
        (f"{ON}exporter = 'file:///etc'", "health.exporter is 'file:///etc'; such as http://"),
        (f"{ON}prometheus = 'http://u:s@p'", "health.prometheus has a password in it; write a"),
        (f"{ON}token = 't'", "health.token without a URL that it is for"),
        (f"{ON}node_label = 'a b'", "health.node_label is 'a b'; such as Hostname"),
        (f"{ON}xids = '79, x'", "health.xids: 'x' is no Xid; write such as 48, 79"),
        (f"{ON}xids = '13'", "health.xids: Xid 13 is an application's own fault; leave it out"),
        (f"{ON}conditions = 'GPUMissing'", "health.conditions: 'GPUMissing' is no condition"),
        (f"{ON}taints = 'a=b:NoSchedule'", "health.taints: 'a=b:NoSchedule' is no key of a taint"),
        ("[grpc]\nkey = 'k'", "grpc has only one of certificate and key"),
        ("[grpc]\nclient_ca = 'c'", "grpc.client_ca without a certificate"),
        ("[grpc]\nclients = 'slurm'", "grpc.clients without client_ca"),
        ("[grpc]\nadmins = 'slurm'", "grpc.admins without client_ca"),
        ("[grpc]\nhost = '0.0.0.0'\nport = 1", "grpc.host is '0.0.0.0', where anybody could take"),
        ("[preemption]\nevict = 'pods'", "preemption.evict is 'pods'; choose from none, gangs"),
        ("[preemption]\nevict = 'gangs'\nschedulers = ' ,'", "preemption.schedulers names nobody"),
        ("[server\n", "no TOML"),
    ],
)
def test_what_is_wrong_is_said_by_key_on_one_line(text: str, said: str, tmp_path: Path) -> None:
    file = written(tmp_path, text)
    with pytest.raises(InputError) as caught:
        read_config(file)
    message = str(caught.value)
    assert message.startswith(f"{file}: ")
    assert said in message
    assert "\n" not in message


def test_all_problems_are_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_config(written(tmp_path, "[log]\nlevel = 3\nx = 1\n[tls]\nkey = 'k'\n"))
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("best-fitt", "'best-fitt': unknown policy 'best-fitt'; did you mean best-fit?"),
        ("zzz", "unknown policy 'zzz'; choose from random, first-fit, best-fit"),
        ("fgd", "policy fgd needs a target workload; choose from random"),
        ("0.9*fgd+0.1*pwr", "policy fgd needs a target workload; "),
        ("0.9*best-fit+0.1*zzz", "unknown policy 'zzz'; "),
    ],
)
def test_a_policy_that_cannot_be_made_is_named_with_one_that_can(
    policy: str, said: str, tmp_path: Path
) -> None:
    file = written(tmp_path, f"[placement]\npolicy = '{policy}'\n")
    values = read_config(file)
    with pytest.raises(InputError) as caught:
        check_policy(file, values)
    message = str(caught.value)
    assert message.startswith(f"{file}: placement.policy is '{policy}': ")
    assert said in message
    assert "\n" not in message
    fix = message.rpartition("; ")[2]
    for each in fix.removeprefix("choose from ").split(", ") if "choose" in fix else ():
        check_policy(file, dict(values) | {"placement.policy": each})


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=re.escape(f"{tmp_path / 'none'}: cannot be read")):
        read_config(tmp_path / "none")
    (tmp_path / "latin").write_bytes(b"[log]\nlevel = '\xe9'\n")
    with pytest.raises(InputError, match="is no UTF-8"):
        read_config(tmp_path / "latin")


def test_settings_follow_from_the_time_limit(tmp_path: Path) -> None:
    values = read_config(written(tmp_path, "[server]\nhttp_timeout_s = 8\nmax_body_mib = 2\n"))
    http, service = http_settings(values), service_settings(values)
    assert (http.call_s, http.max_body_bytes, http.tls) == (7.5, 2 * 1024**2, None)
    assert (service.bind_wait_s, service.live.hold_s) == (4.0, 16.0)


def test_settings_are_what_the_file_says(tmp_path: Path) -> None:
    text = """
[tls]
certificate = "c"
key = "k"
client_ca = "ca"
[placement]
hold_s = 3
[gangs]
rollback = "evict"
[devices]
gpushare = true
"""
    values = read_config(written(tmp_path, text))
    tls, live = http_settings(values).tls, service_settings(values).live
    assert tls is not None
    assert (str(tls.certificate), str(tls.key), str(tls.client_ca)) == ("c", "k", "ca")
    assert (live.hold_s, live.hami, live.gpushare) == (3.0, False, True)
    assert live.gangs.rollback is Rollback.EVICT


def test_the_health_of_gpus_is_looked_after_as_the_keys_say(tmp_path: Path) -> None:
    assert health_settings(read_config(None)) is None
    assert service_settings(read_config(None)).live.health is None
    text = f"{ON}xids = '79'\nconditions = ''\ntaints = 'a, b'\nunnamed = 'count'\nfile = 'f'\n"
    values = read_config(written(tmp_path, f"{text}interval_s = 5\nstale_s = 60\n"))
    judging = Judging(frozenset({79}), frozenset(), frozenset({"a", "b"}), closes_nodes=False)
    reading = Reading(file=Path("f"), interval_s=5.0, stale_s=60.0)
    assert health_settings(values) == Health(judging, reading)
    assert service_settings(values).live.health == judging
    default = health_settings(read_config(written(tmp_path, ON)))
    assert default is not None
    assert default.reading == Reading()
    assert default.judging.xids == {46, 48, 63, 64, 74, 79, 94, 95, 119, 120}
    assert ("AcceleratedHardwareReady", "False") in default.judging.conditions


def test_there_is_no_grpc_unless_it_has_a_port(tmp_path: Path) -> None:
    assert rpc_settings(read_config(None)) is None
    assert rpc_settings(read_config(written(tmp_path, "[grpc]\nhost = '0.0.0.0'\n"))) is None


def test_clients_of_grpc_are_named_one_by_one(tmp_path: Path) -> None:
    text = """
[server]
grace_s = 3
[grpc]
host = "0.0.0.0"
port = 9444
certificate = "c"
key = "k"
client_ca = "ca"
clients = "slurm.example, simulator,"
admins = "operator"
most_members = 8
most_hold_s = 60
"""
    rpc = rpc_settings(read_config(written(tmp_path, text)))
    assert rpc is not None
    assert (rpc.host, rpc.port, rpc.most_hold_s, rpc.grace_s) == ("0.0.0.0", 9444, 60.0, 3.0)
    assert rpc.clients == {"slurm.example", "simulator"}
    assert rpc.admins == {"operator"}
    assert rpc.most_members == 8
    assert rpc.tls is not None
    assert (str(rpc.tls.certificate), str(rpc.tls.client_ca)) == ("c", "ca")


def test_who_leads_is_found_out_as_the_configuration_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert leading_settings(read_config(None)) is None
    monkeypatch.setattr(configuring, "ACCOUNT", tmp_path / "namespace")
    values = dict(read_config(written(tmp_path, "[leader]\non = true\nhost = 'pod-a'\n")))
    with pytest.raises(InputError, match=r"leader\.namespace is empty, and this is no Pod"):
        leading_settings(values)
    assert configuring.namespace_of(values, "its") == "its"
    (tmp_path / "namespace").write_text("gpus\n", encoding="utf-8")
    settings, other = leading_settings(values), leading_settings(values)
    assert settings is not None
    assert other is not None
    assert settings.identity.rpartition("_")[0] == settings.host == "pod-a"
    assert settings.identity != other.identity
    assert settings == Leading(
        "gpus", "bayplan-controllers", "bayplan", "pod-a", settings.identity, Timing(15, 10.0, 2.0)
    )
    named = leading_settings(values | {"leader.namespace": "other", "leader.host": ""})
    assert named is not None
    assert (named.namespace, named.host) == ("other", socket.gethostname())
