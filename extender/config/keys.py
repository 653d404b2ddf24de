"""Every key of the configuration, declared once: checks, defaults and the file are made of this."""

from __future__ import annotations

from dataclasses import dataclass

from bayplan.extender.health.settings import CONDITIONS, XIDS

DRA = "devices.dra"
"""The key that lets pods have claims of devices."""

KOORDINATOR = "devices.koordinator"
"""The key that lets pods have shares in Koordinator's words."""

BOOL, WHOLE, NUMBER, TEXT = "true or false", "a whole number", "a number", "a text in quotes"


@dataclass(frozen=True, slots=True)
class Key:
    """One key: ``name`` in ``table``; a number is from ``least`` to ``most``."""

    table: str
    name: str
    kind: str
    default: bool | int | float | str
    text: str
    least: float = 0.0
    most: float = 1e9
    choices: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """How messages name it."""
        return f"{self.table}.{self.name}"


TABLES: dict[str, str] = {
    "server": "Where kube-scheduler's calls are answered.",
    "tls": "Certificates (PEM); without them the server speaks plain HTTP.",
    "api": "The Kubernetes API server.",
    "placement": "Which node, and which GPUs.",
    "gangs": "Pods that start together.",
    "preemption": "Who leaves for a whole gang that finds no room, by the eviction API.",
    "devices": "Whose device plugins are told which GPUs a pod is to have; whose drivers are read.",
    "queues": "Who may use how much, and whose turn it is; a table [queues.NAME] is a queue.",
    "state": "The live state.",
    "leader": "Two Pods of which one acts, by Leases.",
    "health": "GPUs that are sick: they take no new pods.",
    "repartition": "Idle nodes get the MIG layout that pods wait for, by the GPU operator's MIG"
    " manager.",
    "grpc": "The gRPC service bayplan.v1, for batch systems, simulations and `bayplan remote`.",
    "tracing": "OpenTelemetry spans of what pods are answered, by OTLP over HTTP; the variables"
    " OTEL_* say where to.",
    "log": "The log, on standard error.",
}

KEYS: tuple[Key, ...] = (
    Key("server", "host", TEXT, "127.0.0.1", "address to listen on"),
    Key("server", "port", WHOLE, 9443, "port", 0, 65535),
    Key("server", "prefix", TEXT, "/scheduler", "path before the verbs, as in urlPrefix"),
    Key("server", "max_body_mib", WHOLE, 32, "largest body of a call", 1, 1024),
    Key("server", "http_timeout_s", NUMBER, 30.0, "httpTimeout of the extender in kube-scheduler's"
        " configuration; calls end before it, and members of a gang wait half of it", 1, 3600),
    Key("server", "grace_s", WHOLE, 15, "how long calls may take after SIGTERM", 0, 3600),
    Key("server", "drain_s", NUMBER, 0.0, "how long calls are still taken after SIGTERM", 0, 600),
    Key("tls", "certificate", TEXT, "", "file of the server's certificate"),
    Key("tls", "key", TEXT, "", "file of its private key"),
    Key("tls", "client_ca", TEXT, "", "file of what client certificates must be signed by; empty:"
        " clients need none"),
    Key("api", "kubeconfig", TEXT, "", "file; empty: the pod's service account, or the usual file"),
    Key("api", "context", TEXT, "", "context of the kubeconfig; empty: the current one"),
    Key("api", "qps", NUMBER, 100.0, "writes a second", 0.1, 100_000),
    Key("api", "burst", WHOLE, 200, "writes at once", 1, 100_000),
    Key("placement", "policy", TEXT, "best-fit", "policy, as `bayplan policies` lists them"),
    Key("placement", "seed", WHOLE, 0, "for policies that draw", 0, 2**63 - 1),
    Key("placement", "hold_s", NUMBER, 0.0, "how long room is kept for a pod whose node was chosen;"
        " 0: twice http_timeout_s", 0, 3600),
    Key("placement", "at_filter", BOOL, False, "choose in filter: kube-scheduler is shown one node"
        " and asks for no scores, half of the calls; its score plugins have no say"),
    Key("gangs", "hold_s", NUMBER, 120.0, "how long room is kept for the members of a gang",
        1, 86_400),
    Key("gangs", "settle_s", NUMBER, 2.0, "how long nobody new must have come, where nothing says"
        " how many members a gang has", 0, 3600),
    Key("gangs", "rollback", TEXT, "report", "what becomes of a gang that stays bound in part",
        choices=("report", "evict")),
    Key("preemption", "evict", TEXT, "none", "for whom pods of lower priority are evicted by us:"
        " gangs that find no room; needs leave to evict", choices=("none", "gangs")),
    Key("preemption", "schedulers", TEXT, "bayplan", "schedulerName of the pods of such gangs; of"
        " several, separated by commas"),
    Key("preemption", "wait_s", NUMBER, 10.0, "how long a gang must have found no room", 0, 86_400),
    Key("preemption", "evictions_a_minute", WHOLE, 10, "how many pods are evicted for gangs at"
        " most, unless a gang that leaves whole has more", 1, 100_000),
    Key("preemption", "hold_s", NUMBER, 300.0, "how long room is kept, and waited for, after the"
        " last step: longer than pods take to end", 1, 86_400),
    Key("preemption", "refused_s", NUMBER, 60.0, "how long evictions may be refused before a gang"
        " is given up", 0, 86_400),
    Key("preemption", "cooldown_s", NUMBER, 300.0, "how long nobody is evicted again for the same"
        " gang", 0, 2_592_000),
    Key("devices", "hami", BOOL, False, "HAMi's; its own scheduler must not run"),
    Key("devices", "gpushare", BOOL, False, "gpushare's; its own extender must not run"),
    Key("devices", "volcano", BOOL, False, "Volcano's, of its vGPUs in mode hami-core; Volcano's"
        " scheduler must not place such pods"),
    Key("devices", "koordinator", BOOL, False, "Koordinator's koordlet; koord-scheduler must not"
        " place such pods; needs leave to watch its Devices"),
    Key("devices", "dra", BOOL, True, "drivers of dynamic resource allocation: pods with claims go"
        " to nodes whose devices do; false: they are refused"),
    Key("queues", "file", TEXT, "", "file (TOML) with the tables [queues.NAME], such as that of a"
        " ConfigMap; empty: they stand here"),
    Key("queues", "lift", BOOL, False, "lift the scheduling gate bayplan.io/queue of pods whose"
        " turn has come; needs leave to patch pods"),
    Key("queues", "order", TEXT, "priority", "whose turn is next, by an ordering policy of the"
        " engine"),
    Key("queues", "backfill", TEXT, "easy", "who may pass the first that has no room; none: whoever"
        " has some", choices=("none", "easy", "conservative")),
    Key("queues", "reclaim", TEXT, "report", "what becomes of pods that borrow what a queue is"
        " guaranteed and waits for", choices=("report", "evict")),
    Key("queues", "evictions_a_minute", WHOLE, 10, "how many pods are evicted for guarantees at"
        " most, unless one takes more at once", 1, 100_000),
    Key("queues", "min_run_s", NUMBER, 0.0, "who has run for less is not evicted for a guarantee",
        0, 1e9),
    Key("state", "recompute_s", NUMBER, 300.0, "how often the state is worked out anew and"
        " compared; 0: never", 0, 86_400),
    Key("state", "nudge", BOOL, True, "touch pods that wait when there may be room for them by now;"
        " needs leave to patch the status of pods"),
    Key("leader", "on", BOOL, False, "act unasked only where it has the Lease, and bind only beside"
        " the kube-scheduler that leads: for two Pods; needs leave to change the Lease"),
    Key("leader", "lease", TEXT, "bayplan-controllers", "name of the Lease of what acts unasked:"
        " queues, evictions for gangs, quarantine, repartitioning, rollbacks"),
    Key("leader", "namespace", TEXT, "", "namespace of the Leases; empty: that of the Pod"),
    Key("leader", "scheduler", TEXT, "bayplan", "name of kube-scheduler's Lease, its resourceName,"
        " which decides who binds and who takes the other; empty: nobody looks at it"),
    Key("leader", "host", TEXT, "", "what the identity of the kube-scheduler beside it begins with;"
        " empty: the name of the host, which is the Pod's"),
    Key("leader", "lease_s", WHOLE, 15, "how long nobody else takes the Lease after a renewal",
        1, 3600),
    Key("leader", "renew_s", NUMBER, 10.0, "how long its holder acts after a renewal", 0.1, 3600),
    Key("leader", "retry_s", NUMBER, 2.0, "how often Leases are looked at, and renewed", 0.05, 600),
    Key("health", "quarantine", BOOL, False, "let GPUs take no new pods that metrics, conditions or"
        " taints call sick; needs leave to patch the status of nodes"),
    Key("health", "prometheus", TEXT, "", "URL of a Prometheus server that has the metrics of DCGM"
        " exporter, such as http://prometheus.monitoring:9090"),
    Key("health", "exporter", TEXT, "", "URL of these metrics themselves, instead; {node} stands"
        " for the name of each node with GPUs"),
    Key("health", "file", TEXT, "", "file of these metrics, or folder of such files (*.prom),"
        " instead"),
    Key("health", "node_label", TEXT, "Hostname", "label of the metrics that has the node's name"),
    Key("health", "interval_s", NUMBER, 30.0, "how often they are read", 0.1, 3600),
    Key("health", "stale_s", NUMBER, 300.0, "a file that was not written for so long says nothing",
        1, 86_400),
    Key("health", "token", TEXT, "", "file of a bearer token for the URL"),
    Key("health", "ca", TEXT, "", "file of the CA certificates (PEM) of the URL; empty: those of"
        " the system"),
    Key("health", "xids", TEXT, XIDS, "Xids for which a GPU is quarantined"),
    Key("health", "conditions", TEXT, CONDITIONS, "conditions of nodes that close all of their"
        " GPUs"),
    Key("health", "taints", TEXT, "", "keys of taints of nodes that close all of their GPUs, also"
        " for pods that tolerate them"),
    Key("health", "unnamed", TEXT, "close", "where NVIDIA's device plugin picks the GPUs and may"
        " still give out a quarantined one: close all of the node, or only count so many fewer",
        choices=("close", "count")),
    Key("repartition", "on", BOOL, False, "change the MIG layout of idle nodes; needs leave to"
        " patch nodes"),
    Key("repartition", "configs", TEXT, "", "file with the configs of the MIG manager, as its"
        " ConfigMap has it; empty: those of the GPU operator"),
    Key("repartition", "label", TEXT, "", "key or key=value: nodes without this label are left"
        " alone; empty: all that a MIG manager looks after"),
    Key("repartition", "max_nodes", WHOLE, 1, "nodes under way at the same time; those that failed"
        " count", 1, 1000),
    Key("repartition", "wait_s", NUMBER, 60.0, "how long a pod must have been waiting", 0, 86_400),
    Key("repartition", "settle_s", NUMBER, 15.0, "how long a node is cordoned before it is changed,"
        " so that pods which were being bound to it are seen", 0, 3600),
    Key("repartition", "limit_s", NUMBER, 1800.0, "how long the MIG manager may take; then the node"
        " has failed", 1, 86_400),
    Key("repartition", "cooldown_s", NUMBER, 1800.0, "how long a node is left alone after a change",
        0, 2_592_000),
    Key("repartition", "failed", TEXT, "cordoned", "how a node is left on which a change failed",
        choices=("cordoned", "uncordoned")),
    Key("grpc", "host", TEXT, "127.0.0.1", "address to listen on; another than loopback needs"
        " client_ca"),
    Key("grpc", "port", WHOLE, 0, "port; 0: no such service", 0, 65535),
    Key("grpc", "certificate", TEXT, "", "file of the server's certificate (PEM)"),
    Key("grpc", "key", TEXT, "", "file of its private key"),
    Key("grpc", "client_ca", TEXT, "", "file of what client certificates must be signed by; empty:"
        " clients need none"),
    Key("grpc", "clients", TEXT, "", "names, separated by commas, of which a client's certificate"
        " must have one (common name or subject alternative name); empty: any name"),
    Key("grpc", "admins", TEXT, "", "names, separated by commas, of clients that may release what"
        " others have committed; empty: none may"),
    Key("grpc", "most_members", WHOLE, 4096, "members of a gang at most that is asked for", 1,
        1_000_000),
    Key("grpc", "most_hold_s", NUMBER, 0.0, "how long room is kept at most for a client that does"
        " not commit it again; 0: until it is released", 0, 31_536_000),
    Key("tracing", "on", BOOL, False, "send spans; needs the extra `tracing`"),
    Key("log", "format", TEXT, "json", "one line an entry", choices=("json", "logfmt")),
    Key("log", "level", TEXT, "info", "least severity",
        choices=("debug", "info", "warning", "error")),
)  # fmt: skip
"""All keys, in file order."""
