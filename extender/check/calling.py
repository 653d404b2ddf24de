"""How kube-scheduler calls the extender: address, verbs, time limits, TLS, which pods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from bayplan.extender.check.findings import Facts, Finding, error, note, some, warning
from bayplan.extender.check.nodes import gpu_resources
from bayplan.extender.check.scheduler_file import seconds
from bayplan.traces.kubernetes import keys
from bayplan.traces.kubernetes.objects import Object, dict_of, metadata_of, objects_in

VERBS = ("filter", "prioritize", "preempt", "bind")
_WITHOUT = {
    "prioritize": "kube-scheduler chooses the node",
    "preempt": "kube-scheduler evicts by numbers of devices, gangs in part",
}
"""What it means that a verb is left out which need not be there."""
ON_NO_NODE = {
    "devices.hami": (keys.HAMI_MEMORY, keys.HAMI_PERCENT, keys.HAMI_CORES),
    "devices.volcano": (keys.VOLCANO_PERCENT,),
    "devices.koordinator": (keys.KOORD_SHARED,),
}
"""What pods may ask for and no node need have, by the key that lets them."""
_MAY_HIDE = frozenset(name for names in ON_NO_NODE.values() for name in names)
DEFAULT_PORTS = {"http": 80, "https": 443}


def ours(config: Object, values: Mapping[str, object]) -> Object | None:
    """Return the entry of ``extenders`` that is meant to call us: by path, else by port.

    Parameters
    ----------
    config, values
        kube-scheduler's configuration, and the extender's.
    """
    found = objects_in(config.get("extenders"))
    by_path = [each for each in found if _parts(each)[2] == values["server.prefix"]]
    by_port = [each for each in found if _parts(each)[1] == values["server.port"]]
    return next(iter(by_path + by_port), None)


def of_calls(entry: Object, values: Mapping[str, object]) -> Iterator[Finding]:
    """Yield what is wrong with an entry of ``extenders``.

    Parameters
    ----------
    entry
        The entry.
    values
        The extender's configuration.
    """
    yield from _address(entry, values)
    yield from _verbs(entry)
    yield from _time(entry, float(str(values["server.http_timeout_s"])))
    yield from _tls(entry, values)
    if not entry.get("nodeCacheCapable"):
        yield error("nodeCacheCapable", "is not true: whole nodes come, which is a dry run, and no"
                    " room is ever kept", "set nodeCacheCapable: true")  # fmt: skip
    if entry.get("ignorable") and entry.get("bindVerb"):
        yield warning("ignorable", "is true: where we cannot be reached kube-scheduler binds by"
                      " itself, and gangs start in part", "set ignorable: false")  # fmt: skip


def of_pods(entry: Object, config: Object, facts: Facts) -> Iterator[Finding]:
    """Yield which pods come that should not, and which do not that should.

    Parameters
    ----------
    entry, config
        The entry of ``extenders``, and all of kube-scheduler's configuration.
    facts
        The cluster.
    """
    managed = {str(e.get("name")): e for e in objects_in(entry.get("managedResources"))}
    if not managed:
        yield from _everybody(config, facts.own_pods or ())
        return
    missed = [name for name in gpu_resources(facts.nodes or ()) if name not in managed]
    if missed:
        yield warning("managedResources", f"lacks {some(missed)}, which nodes have: pods that ask"
                      " for no other are placed without us", "add them")  # fmt: skip
    hidden = [
        name
        for name, each in managed.items()
        if each.get("ignoredByScheduler") and name not in _MAY_HIDE
    ]
    if hidden:
        yield warning(
            "managedResources", f"{some(hidden)} is ignoredByScheduler, in every profile:"
            " kube-scheduler finds no victims for it, and never preempts (k/k#139270)",
            "set ignoredByScheduler: false",
        )  # fmt: skip
    yield note("managedResources", "a pod that asks by annotations alone (gpu-fraction) does not"
               " come here")  # fmt: skip


def of_shares(entry: Object, config: Object, key: str) -> Iterator[Finding]:
    """Yield what pods ask for and kube-scheduler looks for on nodes, where nobody has it.

    Parameters
    ----------
    entry, config
        The entry of ``extenders``, and all of kube-scheduler's configuration.
    key
        One of ``ON_NO_NODE``, which is on.
    """
    ignored = {
        str(each.get("name"))
        for each in objects_in(entry.get("managedResources"))
        if each.get("ignoredByScheduler")
    }
    for profile in objects_in(config.get("profiles")) or [{}]:
        seen = [name for name in ON_NO_NODE[key] if name not in ignored | _ignored_by(profile)]
        if seen:
            yield error(
                "NodeResourcesFit", f"{key} is on, and the profile {name_of(profile)} looks for"
                f" {some(seen)} on nodes, which have none: such pods wait for ever",
                "name it in ignoredResources of its NodeResourcesFitArgs",
            )  # fmt: skip


def name_of(profile: Object) -> str:
    """Return the schedulerName of a profile.

    Parameters
    ----------
    profile
        One of ``profiles``.
    """
    return str(profile.get("schedulerName") or "default-scheduler")


def _ignored_by(profile: Object) -> set[str]:
    args = (
        dict_of(each.get("args"))
        for each in objects_in(profile.get("pluginConfig"))
        if each.get("name") == "NodeResourcesFit"
    )
    return {str(name) for each in args for name in each.get("ignoredResources") or ()}


def _address(entry: Object, values: Mapping[str, object]) -> Iterator[Finding]:
    scheme, port, path = _parts(entry)
    about, given = "urlPrefix", str(entry.get("urlPrefix") or "")
    prefix = str(values["server.prefix"])
    if path != prefix:
        yield error(about, f"{given} ends in {path or 'no path'}, and server.prefix is {prefix}",
                    f"let it end in :{values['server.port']}{prefix}")  # fmt: skip
    if port != values["server.port"]:
        host = urlsplit(given).hostname or ""
        make = error if host in ("127.0.0.1", "localhost", "::1") else note
        yield make(about, f"{given} is port {port}, and server.port is {values['server.port']}",
                   "let both be one, or let the Service map them")  # fmt: skip
    speaks = "https" if values["tls.certificate"] else "http"
    if scheme != speaks:
        yield error(about, f"{given} is {scheme or 'without a scheme'}, and the extender speaks"
                    f" {speaks}", f"write {speaks}://, or change tls.certificate")  # fmt: skip


def _verbs(entry: Object) -> Iterator[Finding]:
    for verb in VERBS:
        key, said = f"{verb}Verb", str(entry.get(f"{verb}Verb") or "")
        if said == verb:
            continue
        if not said and verb in _WITHOUT:
            yield warning(key, f"is not there: {_WITHOUT[verb]}", f"set {key}: {verb}")
        elif not said:
            why = "pods are placed without us" if verb == "filter" else "GPUs are not written down"
            yield error(key, f"is not there: {why}", f"set {key}: {verb}")
        else:
            yield error(key, f"is {said!r}, which nobody answers", f"set {key}: {verb}")


def _time(entry: Object, ours_s: float) -> Iterator[Finding]:
    theirs_s = seconds(entry.get("httpTimeout"))
    fix = f"set httpTimeout: {ours_s:g}s"
    if theirs_s is None:
        yield error("httpTimeout", f"is {entry['httpTimeout']!r}, no duration", fix)
    elif theirs_s < ours_s:
        yield error("httpTimeout", f"is {theirs_s:g} s, and server.http_timeout_s {ours_s:g}: calls"
                    " are given up while we answer, and gangs while they gather", fix)  # fmt: skip
    elif theirs_s > ours_s:
        yield warning("httpTimeout", f"is {theirs_s:g} s, and server.http_timeout_s {ours_s:g}:"
                      " calls end earlier than they need to", fix)  # fmt: skip


def _tls(entry: Object, values: Mapping[str, object]) -> Iterator[Finding]:
    if _parts(entry)[0] != "https":
        return
    told = dict_of(entry.get("tlsConfig"))
    has_ca = bool(told.get("caFile") or told.get("caData"))
    if not entry.get("enableHTTPS"):
        yield error("enableHTTPS", "is not set, so tlsConfig is not read", "set enableHTTPS: true")
    elif told.get("insecure") or not has_ca:
        why = "tlsConfig.insecure is set" if told.get("insecure") else "there is no CA"
        yield warning("enableHTTPS", f"{why}: kube-scheduler verifies nobody, and does not say so",
                      "set tlsConfig.caFile")  # fmt: skip
    if values["tls.client_ca"] and not (told.get("certFile") or told.get("certData")):
        yield error("tlsConfig", "has no client certificate, and tls.client_ca asks for one",
                    "set tlsConfig.certFile and keyFile")  # fmt: skip


def _everybody(config: Object, own_pods: Sequence[Object]) -> Iterator[Finding]:
    profiles = schedulers(config)
    own = [
        str(metadata_of(pod).get("name"))
        for pod in own_pods
        if (dict_of(pod.get("spec")).get("schedulerName") or "default-scheduler") in profiles
    ]
    if own or "default-scheduler" in profiles:
        whose = f"the extender's own pods ({some(own)})" if own else "the extender's own pods"
        yield error("managedResources", f"is empty, so every pod comes here, {whose} too: it cannot"
                    " start before it runs (k/k#91489)", "name the resources of GPUs")  # fmt: skip


def schedulers(config: Object) -> set[str]:
    """Return the schedulerNames of the profiles.

    Parameters
    ----------
    config
        kube-scheduler's configuration.
    """
    profiles = objects_in(config.get("profiles")) or [{}]
    return {name_of(each) for each in profiles}


def _parts(entry: Object) -> tuple[str, int, str]:
    """Return (scheme, port, path) of ``urlPrefix``; port 0 where it cannot be read."""
    try:
        url = urlsplit(str(entry.get("urlPrefix") or ""))
        return url.scheme, url.port or DEFAULT_PORTS.get(url.scheme, 0), url.path.rstrip("/")
    except ValueError:
        return "", 0, ""
