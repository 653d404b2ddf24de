"""A Lease as the API has it (``coordination.k8s.io/v1``), and what of it counts here.

Its times are for people: they are written and never compared with a clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from bayplan.traces.kubernetes.objects import Object, dict_of, metadata_of

VERSION = "coordination.k8s.io/v1"
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"


@dataclass(frozen=True, slots=True)
class Record:
    """A Lease.

    Attributes
    ----------
    holder
        Who holds it; empty: nobody.
    lease_s
        For how long after a renewal.
    transitions
        How often it has changed hands.
    acquired, renewed
        When that was by the holder's clock, as text.
    version
        Its resource version; empty: it is not there yet.
    uid
        Which object it is.
    """

    holder: str = ""
    lease_s: int = 1
    transitions: int = 0
    acquired: str = ""
    renewed: str = ""
    version: str = ""
    uid: str = ""


def path_of(namespace: str, name: str = "") -> str:
    """Return the path of a Lease; without a name that of all in a namespace."""
    path = f"/apis/{VERSION}/namespaces/{quote(namespace, safe='')}/leases"
    return f"{path}/{quote(name, safe='')}" if name else path


def read_lease(thing: Object) -> Record:
    """Return what a Lease object says; a duration that is none counts as the least.

    Parameters
    ----------
    thing
        The Lease object.
    """
    metadata, spec = metadata_of(thing), dict_of(thing.get("spec"))
    return Record(
        str(spec.get("holderIdentity") or ""),
        max(1, _whole(spec.get("leaseDurationSeconds"))),
        _whole(spec.get("leaseTransitions")),
        str(spec.get("acquireTime") or ""),
        str(spec.get("renewTime") or ""),
        str(metadata.get("resourceVersion") or ""),
        str(metadata.get("uid") or ""),
    )


def written_lease(record: Record, namespace: str, name: str) -> Object:
    """Return a Lease object as it is created, or put in the place of the version that was seen.

    Parameters
    ----------
    record
        What it is to say.
    namespace, name
        Which Lease it is.
    """
    metadata: Object = {"name": name, "namespace": namespace}
    if record.version:
        metadata["resourceVersion"] = record.version
    spec: Object = {
        "holderIdentity": record.holder,
        "leaseDurationSeconds": record.lease_s,
        "leaseTransitions": record.transitions,
        "acquireTime": record.acquired,
        "renewTime": record.renewed,
    }
    return {"apiVersion": VERSION, "kind": "Lease", "metadata": metadata, "spec": spec}


def time_text(time_s: float, before: str = "") -> str:
    """Return a time as the API's MicroTime, another text than that of the write before.

    A renewal that changes nothing would be none: others see it by the version that it makes.

    Parameters
    ----------
    time_s
        Seconds since 1970.
    before
        What was written before.
    """
    time = datetime.fromtimestamp(time_s, UTC)
    text = time.strftime(_TIME)
    return (time + timedelta(microseconds=1)).strftime(_TIME) if text == before else text


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
