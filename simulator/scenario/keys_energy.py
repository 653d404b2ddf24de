"""The keys of ``[energy]`` and ``[deferral]``."""

from __future__ import annotations

from bayplan.simulator.scenario.key import Key

ALL, PREEMPTIBLE = "all", "preemptible"

MAX_H = 10**6

ENERGY_KEYS: tuple[Key, ...] = (
    Key("energy", "measure", "yes", False, "measure energy and carbon, which takes time"),
    Key("energy", "co2_g_per_kwh", "text", "0", "carbon intensity of the electricity in g, or one"
        " for each hour from time 0 on, repeated, such as 310,290,305; builtin: made-up ones by"
        " zone"),
    Key("energy", "co2_file", "file", "", "carbon intensity by hour and zone, in place of it (CSV:"
        " hour, zone, g_per_kwh)"),
    Key("energy", "price_per_kwh", "text", "", "price of the electricity, given like the carbon"
        " intensity; empty: none"),
    Key("energy", "price_file", "file", "", "price by hour and zone, in place of it (CSV: hour,"
        " zone, price_per_kwh)"),
)  # fmt: skip

DEFERRAL_KEYS: tuple[Key, ...] = (
    Key("deferral", "slack_h", "number", 0.0, "give jobs that state none a deadline: so many hours"
        " after arrival and estimated run time", least=0, most=MAX_H, unit="hours"),
    Key("deferral", "slack_factor", "number", 1.0, "times which the estimated run time counts in"
        " that deadline; 1 beside slack_h = 0: no deadlines are given", least=1, most=10_000),
    Key("deferral", "jobs", "text", PREEMPTIBLE, "who is given one: preemptible, all, or job types"
        " and queues, separated by |"),
    Key("deferral", "margin", "number", 0.1, "share of the estimated run time that is kept before"
        " the deadline", least=0, most=100),
    Key("deferral", "headroom", "number", 0.1, "share of the GPUs that jobs held back must leave"
        " free", least=0, most=1),
    Key("deferral", "least_saving", "number", 0.0, "wait only for hours that cost less by this"
        " share of what now costs", least=0, most=1),
    Key("deferral", "across_zones", "yes", True, "send all jobs to the zone that costs least over"
        " their run, of those with room"),
)  # fmt: skip
