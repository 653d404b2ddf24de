"""The keys of ``[startup]``."""

from __future__ import annotations

from bayplan.simulator.scenario.key import Key

STARTUP = "startup"
TYPES = "startup.types"
MODEL_CACHES = ("none", "rack", "cluster")
MOST_MIB = 10**9
LEAST_MIB_PER_S, MOST_MIB_PER_S = 0.001, 10**9
MAX_S = 10**12

# Ranges and defaults that the core has too are its own; a test compares them.

_WANTS_COLUMNS: tuple[Key, ...] = (
    Key(TYPES, "image", "text", "", "its container image, one of images"),
    Key(TYPES, "model", "text", "", "the weights that it loads, one of models"),
)


def _rate(name: str, default: float | None, meaning: str) -> Key:
    return Key(
        STARTUP, name, "number", default, meaning, least=LEAST_MIB_PER_S, most=MOST_MIB_PER_S,
        unit="MiB/s",
    )  # fmt: skip


STARTUP_KEYS: tuple[Key, ...] = (
    Key(STARTUP, "images", "numbers", {}, "image → its MiB, as pulled", least=1, most=MOST_MIB),
    Key(STARTUP, "models", "numbers", {}, "model (weights) → its MiB", least=1, most=MOST_MIB),
    Key(STARTUP, "types", "tables", {}, "job type → what its pods need on their nodes",
        columns=_WANTS_COLUMNS),
    Key(STARTUP, "image", "text", "", "image of job types that are not in types"),
    Key(STARTUP, "model", "text", "", "model of job types that are not in types"),
    Key(STARTUP, "container_s", "number", 0.0, "from when the image is there until the container"
        " runs", least=0, most=MAX_S, unit="seconds"),
    Key(STARTUP, "lazy_part", "number", 1.0, "part of an image with which its container starts; the"
        " rest comes while it runs (eStargz, SOCI); 1: all of it", least=0.001, most=1),
    Key(STARTUP, "cache_mib", "number", None, "what a node keeps of images and models; those used"
        " longest ago go first; left out: all", least=0, most=10**12, unit="MiB"),
    _rate("node_mib_per_s", None, "a node's link, shared by what it transfers at one time; left"
          " out: no bound"),
    _rate("registry_mib_per_s", 100.0, "the most that one pull gets from the registry"),
    _rate("store_mib_per_s", 500.0, "the most that one load of a model gets from the object store"),
    _rate("local_mib_per_s", None, "how fast a model is read that the node keeps; left out: at"
          " once"),
    Key(STARTUP, "model_cache", "text", "none", "whose nodes share a cache of models, which the"
        " first load fills", choices=MODEL_CACHES),
    _rate("shared_mib_per_s", 2000.0, "the most that one load gets from that cache"),
)  # fmt: skip
