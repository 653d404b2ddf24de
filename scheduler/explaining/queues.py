"""Why a queue waits: what it uses, what binds, and who borrows."""

from __future__ import annotations

from dataclasses import dataclass

from bayplan.scheduler.explaining.text import queue_amount, resource_words, verdict_words
from bayplan.scheduler.explaining.words import clip, name
from bayplan.scheduler.queues import Amounts, QueueTree, Rule, Usage, Verdict, admits

MAX_LISTED = 4


@dataclass(frozen=True, slots=True)
class QueueUse:
    """What a queue uses of one resource; ``limit`` None is no limit of its own."""

    queue: str
    resource: str
    used: int
    guaranteed: int
    limit: int | None


@dataclass(frozen=True, slots=True)
class QueueExplanation:
    """Why a queue does not admit amounts.

    ``uses`` are those of the queue and of those that it is in, of the resource that binds (of
    the first one that is asked for, when nothing does). ``borrowers`` are (queue, amount beyond
    its guarantee) of that resource, those who borrow most first.
    """

    queue: str
    verdict: Verdict
    resource: str = ""
    uses: tuple[QueueUse, ...] = ()
    borrowers: tuple[tuple[str, int], ...] = ()

    @property
    def text(self) -> str:
        """The explanation in plain English: at most 12 lines of at most 100 columns."""
        verdict, resource = self.verdict, self.resource
        if verdict.rule is Rule.UNKNOWN:
            return clip(f"There is no queue {name(self.queue)}.")
        title = f"Queue {name(self.queue)}" if self.queue else "The cluster"
        if verdict.admitted:
            lines = [f"{title} admits it."]
        else:
            lines = [f"{title} does not admit it: the {verdict.rule.value} binds."]
            lines.append(f"Binding: {verdict_words(verdict)}")
        shown = self.uses[:MAX_LISTED]
        lines += [_use_line(use) for use in shown]
        if len(shown) < len(self.uses):
            lines.append(f"  and {len(self.uses) - len(shown)} more above")
        borrowers = self.borrowers[:MAX_LISTED]
        if borrowers:
            listed = ", ".join(f"{name(q)} {queue_amount(resource, n)}" for q, n in borrowers)
            more = len(self.borrowers) - len(borrowers)
            rest = f" and {more} more" if more else ""
            lines.append(f"Beyond their guarantee ({resource_words(resource)}): {listed}{rest}")
        return "\n".join(clip(line) for line in lines)


def _use_line(use: QueueUse) -> str:
    where = f"queue {name(use.queue)}" if use.queue else "the cluster"
    used, guaranteed = (queue_amount(use.resource, n) for n in (use.used, use.guaranteed))
    line = f"  {where}: {used} {resource_words(use.resource)} in use, {guaranteed} guaranteed"
    if use.limit is None:
        return line
    what = "limit" if use.queue else "capacity"
    return f"{line}, {what} {queue_amount(use.resource, use.limit)}"


def explain_queue(
    tree: QueueTree, usage: Usage, amounts: Amounts, queue: str, capacity: Amounts
) -> QueueExplanation:
    """Say whether a queue admits amounts now; if not, what binds and who borrows.

    Parameters are those of ``queues.admits``.

    Raises
    ------
    InvalidRequest
        A negative amount.
    """
    verdict = admits(tree, usage, amounts, queue, capacity)
    if verdict.rule is Rule.UNKNOWN:
        return QueueExplanation(queue, verdict)
    resource = verdict.resource or next((r for r in sorted(amounts) if amounts[r]), "")
    if not resource:
        return QueueExplanation(queue, verdict)
    uses = tuple(_use(tree, usage, resource, each, capacity) for each in tree.path(queue))
    return QueueExplanation(
        queue, verdict, resource, uses, _borrowers(tree, usage, resource, queue)
    )


def _use(tree: QueueTree, usage: Usage, resource: str, queue: str, capacity: Amounts) -> QueueUse:
    i = tree.position(queue)
    guaranteed = tree.guaranteed[resource][i] if resource in tree.guaranteed else 0
    limit = capacity.get(resource)
    if i:
        limit = tree.limits[resource][i] if resource in tree.limits else None
    return QueueUse(queue, resource, usage.used(queue, resource), guaranteed, limit)


def _borrowers(
    tree: QueueTree, usage: Usage, resource: str, queue: str
) -> tuple[tuple[str, int], ...]:
    """Return the other queues whose own pods use more than they are guaranteed."""
    rest = tree.rest.get(resource)
    if rest is None:
        return ()
    own = usage.column(resource).own
    beyond = [(each, own[i] - rest[i]) for i, each in enumerate(tree.names) if i]
    found = [(each, n) for each, n in beyond if n > 0 and each != queue]
    return tuple(sorted(found, key=lambda pair: (-pair[1], pair[0])))
