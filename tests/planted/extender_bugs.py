"""Bugs of the extender to plant: its wire, its HTTP server, its certificates, who is woken."""

from __future__ import annotations

from .bugs import Bug

APP = "tests/extender/http/test_app.py::test_"
DECIDER = "tests/extender/remote/test_decider.py::test_"
DECODING = "tests/extender/wire/test_decoding.py::test_"
ENCODING = "tests/extender/wire/test_encoding.py::test_"
NAMES = "tests/kernels/test_names.py::test_"
SERVER = "tests/extender/http/test_server.py::test_"
SERVICE = "tests/extender/service/test_service.py::test_"
TLS = "tests/extender/http/test_tls.py::test_"
WISHES = "tests/extender/live/test_wishes.py::test_"
WAITING = "tests/extender/service/test_waiting.py::test_"

EXTENDER_BUGS = (
    Bug(
        "a GPU to avoid that only the call names is not avoided",
        "extender/live/owner.py",
        "        self.mirror.heed(now_s)\n",
        "",
        (WISHES + "a_wish_that_only_the_call_shows_counts_at_once",),
    ),
    Bug(
        "nodes do not show the names of their GPUs",
        "extender/live/mirror.py",
        "        self._n_named = len(self.reader.named)\n",
        "        self._n_named = 10 * len(self.reader.named)\n        return\n",
        (WISHES + "the_device_plugin_is_told_gpus_that_the_pod_allows",),
    ),
    Bug(
        "a dry run holds nodes",
        "extender/http/calls.py",
        "holds=asked.nodes is None",
        "holds=True",
        (APP + "filter_with_whole_nodes_is_a_dry_run_and_answers_with_them",),
    ),
    Bug(
        "nodes that failed go back too",
        "extender/wire/encoding.py",
        "[asked.nodes[name] for name in answer.passed]",
        "[*asked.nodes.values()]",
        (ENCODING + "whole_nodes_go_back_as_they_came",),
    ),
    Bug(
        "names are looked up by hash alone",
        "kernels/names.py",
        "if differs == _0:",
        "if differs == differs:",
        (NAMES + "names_with_one_hash_are_told_apart",),
    ),
    Bug(
        "an escape in a name is passed over",
        "kernels/names.py",
        "if text[at] != _QUOTE:",
        "if text[at] < _0:",
        (NAMES + "names_are_found_where_the_oracle_finds_them_and_nothing_else_is_taken",),
    ),
    Bug(
        "a score below 0 is sent",
        "extender/wire/encoding.py",
        "if points.size and not MIN_SCORE <= points.min() <= points.max() <= MAX_SCORE:",
        "if points.size and not points.max() <= MAX_SCORE:",
        (ENCODING + "a_score_outside_is_never_sent",),
    ),
    Bug(
        "of keys that differ by case the first counts",
        "extender/wire/casing.py",
        "in _objects.decode(data).items()}",
        "in reversed(_objects.decode(data).items())}",
        (DECODING + "of_keys_that_differ_by_case_the_last_counts_as_in_go",),
    ),
    Bug(
        "names are cut off wherever the body ends with an array",
        "extender/wire/decoding.py",
        'if at < 0 or not body.endswith(b"]}"):',
        "if at < 0:",
        (DECODING + "where_the_names_stand_makes_no_difference",),
    ),
    Bug(
        "text of nodes that is no UTF-8 is sent on",
        "extender/wire/decoding.py",
        "    if not body.isascii():\n",
        "    if not body:\n",
        (DECODING + "whole_nodes_with_broken_text_are_not_sent_on",),
    ),
    Bug(
        "a body may grow over the limit",
        "extender/http/body.py",
        "        if size > max_bytes:\n",
        "        if len(part) > max_bytes:\n",
        (APP + "a_body_that_grows_over_the_limit_is_refused_and_one_at_the_limit_is_not",),
    ),
    Bug(
        "a client is told what went wrong inside",
        "extender/http/app.py",
        'return f"internal error, see the log by id {code}"',
        'return f"internal error, see the log by id {code}: {error}"',
        (APP + "an_exception_is_an_error_by_id_and_a_line_in_the_log",),
    ),
    Bug(
        "a pod is bound although a field is empty",
        "extender/http/calls.py",
        "if not (asked.pod_name and asked.pod_namespace and asked.pod_uid and asked.node):",
        "if not asked.pod_name:",
        (APP + "a_binding_with_an_empty_field_is_refused_before_any_verb",),
    ),
    Bug(
        "files that stay are read, and those that change are not",
        "extender/http/tls.py",
        "if stamp_of(self._settings) != self._stamp:",
        "if stamp_of(self._settings) == self._stamp:",
        (TLS + "files_that_stay_are_read_once",),
    ),
    Bug(
        "replies wait for acknowledgements",
        "extender/http/server.py",
        "socket.SOCK_STREAM, socket.IPPROTO_TCP)",
        "socket.SOCK_STREAM)",
        (SERVER + "replies_do_not_wait_for_acknowledgements",),
    ),
    Bug(
        "it says that it is ready while it stops",
        "extender/http/pages.py",
        'reasons = ["it is stopping"] if self.stopping.is_set() else self._verbs.not_ready()',
        "reasons = self._verbs.not_ready()",
        (SERVER + "while_it_drains_it_answers_and_says_that_it_is_not_ready",),
    ),
    Bug(
        "the alert of a handshake that fails is not sent",
        "extender/http/handshakes.py",
        "            if not self.outgoing.pending:\n",
        "            if self.outgoing.pending:\n",
        (TLS + "a_client_is_told_what_is_wrong_with_its_certificate_and_so_are_we",),
    ),
    Bug(
        "pods are woken that were asked for since room became free",
        "extender/service/waiting.py",
        "refusal.n_released >= mirror.n_released",
        "refusal.n_released > mirror.n_released",
        (WAITING + "who_was_refused_since_room_became_free_is_not_woken",),
    ),
    Bug(
        "a pod that is refused again stays the first to be woken",
        "extender/service/waiting.py",
        "before = self._refusals.pop(key, None)",
        "before = self._refusals.get(key)",
        (WAITING + "those_refused_first_are_woken_first_some_a_round_and_each_once",),
    ),
    Bug(
        "members that were refused are not told of their gang's plan",
        "extender/service/service.py",
        "        if plan is not None and not plan.told:\n",
        "        if plan is not None and plan.told:\n",
        (SERVICE + "members_that_were_refused_are_woken_when_their_gang_has_a_plan",),
    ),
    Bug(
        "the room of a run ends while it goes on",
        "extender/remote/decider.py",
        "        if monotonic() < self._again_s:\n",
        "        if monotonic() <= self._again_s:\n",
        (DECIDER + "room_is_kept_while_the_run_goes_on_and_no_longer",),
    ),
    Bug(
        "nodes are written in another order than that of ties",
        "extender/remote/nodes.py",
        "key=lambda each: each.row",
        "key=lambda each: each.name",
        (DECIDER + "nodes_have_what_is_free_in_the_order_of_ties",),
    ),
)
