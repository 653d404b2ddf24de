"""Bugs of the extender's watches and writes to plant."""

from __future__ import annotations

from .bugs import Bug

BUDGET = "tests/extender/test_budget.py::test_"
CLIENT = "tests/extender/test_client.py::test_"
HANDING = "tests/extender/test_handing.py::test_"
MACHINE = "tests/extender/test_machine.py::test_"
RETRY = "tests/extender/test_retry.py::test_"
SERIES = "tests/extender/test_series.py::test_"

WATCH_BUGS = (
    Bug(
        "a watch resumes where its list ended",
        "extender/watch/machine.py",
        "self.since = line.version or self.since",
        "self.since = self.since or line.version",
        (MACHINE + "changes_are_told_and_move_the_version_on",),
    ),
    Bug(
        "a bookmark is told as a change",
        "extender/watch/machine.py",
        "if line.type != BOOKMARK:",
        "if line.type != ERROR:",
        (MACHINE + "a_bookmark_moves_the_version_on_and_tells_nothing",),
    ),
    Bug(
        "a page that fails starts the list again",
        "extender/watch/machine.py",
        "State.LISTING: self._next_page(),",
        'State.LISTING: List(self._version, self._limit, ""),',
        (MACHINE + "a_page_that_fails_is_asked_for_again_not_the_list",),
    ),
    Bug(
        "a thread never waits for the event loop",
        "extender/watch/handing.py",
        "            self._backlog += size\n",
        "            self._backlog += 0\n",
        (HANDING + "a_thread_waits_while_the_event_loop_is_behind",),
    ),
    Bug(
        "a pod on another node counts as bound",
        "extender/api/binding.py",
        "if at == node:",
        "if at:",
        (CLIENT + "a_pod_that_is_elsewhere_another_or_gone_is_an_error",),
    ),
    Bug(
        "who came first goes first",
        "extender/api/budget.py",
        "(priority, self._serial, mine)",
        "(Priority.BIND, self._serial, mine)",
        (BUDGET + "bindings_go_before_patches_and_events_whoever_came_first",),
    ),
    Bug(
        "a server that gives the credential back brings it into errors",
        "extender/api/errors.py",
        "    if secret:\n",
        "    if not secret:\n",
        (RETRY + "an_error_is_short_and_without_the_credential",),
    ),
    Bug(
        "every occurrence is written",
        "extender/api/series.py",
        "known.count > 2 and",
        "known.count > 1000 and",
        (SERIES + "the_first_and_the_second_are_written_and_then_one_in_thirty_seconds",),
    ),
)
