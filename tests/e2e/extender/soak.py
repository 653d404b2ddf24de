"""Hours of gangs while the extender and the API server are killed again and again.

``PYTHONPATH=tests python -m e2e.extender.soak --kills 200 --restarts 50 --seed 1`` starts a control
plane of its own, and ends with code 1 at the first promise that does not hold.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path
from tempfile import mkdtemp
from time import monotonic, sleep

from ..controlplane import build, modules
from ..controlplane.cluster import add_nodes
from ..controlplane.nodes import plain
from ..controlplane.plane import running
from .auditing import audited
from .checks import check
from .running import Setup, extender
from .storm import Storm

N_NODES = 12
EVERY = 10
"""After so many deaths everybody has to be placed, and everything is checked."""

SETUP = Setup(
    config={"gangs": {"hold_s": 10.0, "rollback": "evict"}},
    timeout_s=8.0,
)


def soak(kills: int, restarts: int, seed: int, folder: Path) -> str:
    """Kill the extender and the API server so often, in an order by chance; say what came of it.

    Raises
    ------
    AssertionError
        A promise does not hold.
    """
    draw = random.Random(seed)
    deaths = ["extender"] * kills + ["API server"] * restarts
    draw.shuffle(deaths)
    begun_s = monotonic()
    binaries = build.binaries(modules.wanted())
    with running(binaries, folder) as plane, extender(plane, "extender", SETUP) as placing:
        add_nodes(plane.client, *(plain(f"n{k}") for k in range(N_NODES)))
        storm = Storm(placing, draw)
        with audited(plane, storm.least) as audit:
            for n, who in enumerate(deaths, 1):
                storm.create(gangs=2, singles=2)
                sleep(draw.uniform(0.0, 0.6))
                storm.kill_extender() if who == "extender" else storm.kill_api_server()
                storm.end_some(audit)
                if n % EVERY == 0 or n == len(deaths):
                    storm.wait(audit)
                    check(plane.client, placing, storm.names, audit)
                    print(f"{n} of {len(deaths)}: {audit.n_bound} bindings, all is as promised")
        slowest_s = max(audit.slowest_s.values(), default=0.0)
    return (
        f"{kills} kills of the extender, {restarts} of the API server, {audit.n_bound} bindings in"
        f" {monotonic() - begun_s:.0f} s; slowest gang from first to last {slowest_s:.1f} s;"
        f" {storm.n_evicted} members of gangs in part were evicted"
    )


def main() -> int:
    """Soak as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--kills", type=int, default=200, help="of the extender")
    parser.add_argument("--restarts", type=int, default=50, help="of the API server")
    parser.add_argument("--seed", type=int, default=1, help="of what comes when")
    given = parser.parse_args()
    folder = Path(mkdtemp(prefix="bayplan-soak-")) / "plane"
    print(f"logs are in {folder}")
    try:
        print(soak(given.kills, given.restarts, given.seed, folder))
    except AssertionError as broken:
        print(f"seed {given.seed}: {broken}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
