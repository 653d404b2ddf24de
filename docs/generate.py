"""Write docs/reference.md: the command's help texts, the policies.

Run by ``make docs``; a test fails when the page is not what this writes.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path

PAGE = Path(__file__).parent / "reference.md"
COMMANDS = (
    (),
    ("replay",),
    ("plan",),
    ("policies",),
    ("devices",),
    ("devices", "layouts"),
    ("speed",),
    ("traces",),
    ("traces", "list"),
    ("traces", "info"),
    ("traces", "convert"),
    ("traces", "synth"),
)
WIDTH = "80"


def page() -> str:
    """Return the text of the page."""
    # What the terminal libraries read; set before they are imported.
    os.environ.update(COLUMNS=WIDTH, NO_COLOR="1", TERM="dumb")
    from bayplan import cli
    from bayplan.scheduler.policies import POLICIES
    from bayplan.scheduler.workload import typical_workload
    from bayplan.traces import builtin_pods, requests_from

    parts = ["# Reference\n\nWritten by `make docs`.\n\n## Command line"]
    for command in COMMANDS:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            cli.app([*command, "--help"], result_action="return_none")
        text = "\n".join(line.rstrip() for line in out.getvalue().strip().splitlines())
        parts.append(f"### {' '.join(['bayplan', *command])}\n\n```text\n{text}\n```")
    workload = typical_workload(requests_from(builtin_pods()))
    parts.append("## Placement policies")
    for name, make in POLICIES.items():  # what is shipped, whatever else is installed
        policy = make(workload)
        lines = [line.strip() for line in (type(policy).__doc__ or "").strip().splitlines()]
        parts.append(f"### {name}\n\nTies: {policy.ties.value}.\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"written: {PAGE}")
    sys.exit(0)
