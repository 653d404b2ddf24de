"""Bugs to plant in a copy of the source, and the tests that must then fail."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bug:
    """``old`` occurs once in ``file``; with ``new`` instead, the ``caught_by`` tests fail."""

    name: str
    file: str
    old: str
    new: str
    caught_by: tuple[str, ...]


AMOUNTS = "tests/scheduler/test_amounts.py::test_"
ANONYMOUS = "tests/scheduler/test_anonymous.py::test_"
BOUND = "tests/scheduler/test_bound.py::test_"
CLAIMS = "tests/scheduler/test_claims.py::test_"
CLUSTER = "tests/scheduler/test_cluster.py::test_"
COLUMNS = "tests/scheduler/test_columns.py::test_"
DETERMINISM = "tests/scheduler/test_determinism.py::test_"
ENGINE = "tests/scheduler/test_engine.py::test_"
GOVERNED = "tests/kernels/test_governed.py::test_"
HEALTH = "tests/scheduler/test_health.py::test_"
HOLDS = "tests/scheduler/test_holds.py::test_"
IMAGES = "tests/scheduler/test_image_locality.py::test_"
POLICIES = "tests/scheduler/test_policies.py::test_"
REASONS = "tests/scheduler/test_reasons.py::test_"
TRIAL = "tests/scheduler/test_trial.py::test_"
UUIDS = "tests/scheduler/test_uuids.py::test_"

BUGS = (
    Bug(
        "an image that comes to a node leaves the points of the others",
        "scheduler/columns.py",
        "                column.spread, n = spread, -1  # of all nodes, whoever changed\n",
        "                column.spread = spread\n",
        (IMAGES + "an_image_that_comes_to_one_node_changes_the_points_of_the_others",),
    ),
    Bug(
        "images that a trial changed stay",
        "scheduler/cluster.py",
        "        self._done(row, self._images_changed, ImagesChanged(event.node, before))\n",
        "        self.log.add(row, self.view)\n",
        (TRIAL + "each_event_is_taken_back[ImagesChanged]",),
    ),
    Bug(
        "the fragmentation of an older state is believed",
        "kernels/fragment.py",
        "if trial < 0 and known_version[row] == version[row]:",
        "if trial < 0 and known_version[row] >= 0:",
        (POLICIES + "fgd_remembers_the_fragmentation_of_a_node_until_it_changes",),
    ),
    Bug(
        "a departure is not noted in the journal",
        "scheduler/cluster.py",
        "self._done(own.row, self._add_pod, pod, own, left)",
        "self.log.add(own.row, self.view)",
        (TRIAL + "each_event_is_taken_back[Gone]",),
    ),
    Bug(
        "a checkpoint is not noted in the journal",
        "scheduler/cluster.py",
        "self._journal.append((self._set_pod, (before,)))",
        "pass",
        (TRIAL + "each_event_is_taken_back",),
    ),
    Bug(
        "a rollback puts GPUs at another place",
        "scheduler/cluster.py",
        "self._rows.change(row, node, start)",
        "self._rows.change(row, node)",
        (TRIAL + "gpus_changed_in_a_trial_go_back_to_the_same_place",),
    ),
    Bug(
        "a rollback uses a version again",
        "scheduler/trial.py",
        "            undo(*arguments)\n",
        "            undo(*arguments)\n            self._cluster.log.number -= 1\n",
        (TRIAL + "versions_grow_and_are_not_used_again_after_a_rollback",),
    ),
    Bug(
        "a copy counts versions like its original",
        "scheduler/changelog.py",
        "number = self.number + _BRANCH",
        "number = self.number",
        (CLUSTER + "a_copy_gives_versions_that_its_original_does_not",),
    ),
    Bug(
        "a copy shares the GPU arrays",
        "scheduler/view.py",
        "for name in _NODE_ARRAYS + _SLOT_ARRAYS}",
        "for name in _NODE_ARRAYS}",
        (CLUSTER + "a_copy_and_its_original_go_their_own_ways",),
    ),
    Bug(
        "a changed node is not logged",
        "scheduler/cluster.py",
        "self._done(row, self._change_back, before, start, n_slots, shrunk)",
        "_ = (self._change_back, start, n_slots, shrunk)",
        (COLUMNS + "only_rows_that_changed_are_scored_again",),
    ),
    Bug(
        "the first change since the last look is skipped",
        "scheduler/columns.py",
        "n = log.rows_since(column.since, view, self._rows)",
        "n = log.rows_since(column.since + 1, view, self._rows)",
        (COLUMNS + "only_rows_that_changed_are_scored_again",),
    ),
    Bug(
        "a log that ran over is believed",
        "scheduler/changelog.py",
        "self.number - since > self.ring.size",
        "self.number - since > 2 * self.ring.size",
        (COLUMNS + "who_comes_back_after_the_log_ran_over_scores_all_rows_again",),
    ),
    Bug(
        "the newest column is dropped",
        "scheduler/columns.py",
        "self._columns.popitem(last=False)",
        "self._columns.popitem(last=True)",
        (COLUMNS + "the_column_used_longest_ago_is_dropped_first",),
    ),
    Bug(
        "using a column does not keep it",
        "scheduler/columns.py",
        "self._columns.move_to_end(shape)",
        "pass",
        (COLUMNS + "the_column_used_longest_ago_is_dropped_first",),
    ),
    Bug(
        "a pod is bound twice",
        "scheduler/cluster.py",
        "if present is not None and present.held_until_s is None:",
        "if present is not None and present.held_until_s == 0.0:",
        (CLUSTER + "a_pod_is_bound_once",),
    ),
    Bug(
        "a stale decision is believed",
        "scheduler/cluster.py",
        "if not suits(pod.request, placement, row, node, self.view, self._claims):",
        "if not suits(pod.request, placement, row, node, self.view, self._claims) and False:",
        (BOUND + "a_decision_is_refused_when_its_node_no_longer_suits",),
    ),
    Bug(
        "what was taken of one kind of GPU is believed of all",
        "scheduler/alike.py",
        "number = view.row_kind.item(row)",
        "number = 0",
        (
            "tests/scheduler/test_alike.py::"
            "test_what_is_remembered_of_one_kind_of_gpu_is_not_believed_of_another",
        ),
    ),
    Bug(
        "room is promised twice",
        "scheduler/cluster.py",
        "if not has_room(self.view, own, new):",
        "if own.row < 0:",
        (BOUND + "of_two_decisions_for_the_same_room_the_second_is_refused",),
    ),
    Bug(
        "GPU memory is promised twice",
        "scheduler/taking.py",
        "and view.slot_free_mib.item(slot) >= mib >= 0",
        "and mib >= 0",
        (BOUND + "of_two_decisions_for_the_same_gpu_memory_the_second_is_refused",),
    ),
    Bug(
        "GPUs of a pod that left stay taken",
        "scheduler/cluster.py",
        "        change(self.view, 1, own)\n",
        "",
        (CLUSTER + "a_bound_pod_takes_its_room_and_gives_it_back",),
    ),
    Bug(
        "GPUs of a pod that left are released twice",
        "scheduler/cluster.py",
        "        change(self.view, 1, own)\n",
        "        change(self.view, 1, own)\n        change(self.view, 1, own)\n",
        (CLUSTER + "a_bound_pod_takes_its_room_and_gives_it_back",),
    ),
    Bug(
        "class counts are not released",
        "kernels/change.py",
        "class_pods[row, gpu_class] -= sign",
        "class_pods[row, gpu_class] -= min(sign, 0)",
        (CLUSTER + "pods_are_counted_by_gpu_class_until_they_leave",),
    ),
    Bug(
        "a new hold leaves the old one's room taken",
        "scheduler/cluster.py",
        "touched = self._remove_pod(uid)\n",
        "touched = self._tenancies[uid].slots\n",
        (HOLDS + "a_later_hold_replaces_the_earlier_one",),
    ),
    Bug(
        "a claim ends with its first user",
        "scheduler/cluster.py",
        "if claim.users == {uid}:",
        "if uid in claim.users:",
        (CLAIMS + "a_claim_shared_by_two_pods_takes_room_once_and_ends_with_the_last",),
    ),
    Bug(
        "a claim takes room for every user",
        "scheduler/cluster.py",
        "            if name not in self._claims:\n                change(",
        "            if True:\n                change(",
        (CLAIMS + "a_claim_shared_by_two_pods_takes_room_once_and_ends_with_the_last",),
    ),
    Bug(
        "a pod and its claim take the same anonymous GPU",
        "scheduler/taking.py",
        "lowest = [start + i for i in free if start + i not in beside]",
        "lowest = [start + i for i in free]",
        (ANONYMOUS + "a_claim_and_a_pod_take_different_anonymous_gpus",),
    ),
    Bug(
        "of equal nodes the last is taken",
        "scheduler/engine.py",
        "row = int(scores.argmax())",
        "row = int(scores.size - 1 - scores[::-1].argmax())",
        (ENGINE + "of_equal_nodes_the_lowest_row_is_taken",),
    ),
    Bug(
        "the candidates are ignored",
        "scheduler/engine.py",
        "row = pick_first_among(scores, np.ascontiguousarray(nodes))",
        "row = int(scores.argmax())",
        (ENGINE + "only_candidates_are_taken_and_masks_leave_no_trace",),
    ),
    Bug(
        "hashes depend on the process",
        "scheduler/rows.py",
        'return int.from_bytes(hashlib.blake2b(encoded, digest_size=8).digest(), "little")',
        "return hash(text) % (1 << 64)",
        (DETERMINISM + "300_pods_are_decided_alike[1]",),
    ),
    Bug(
        "the last GPU of a node is not seen",
        "kernels/fit.py",
        "stop = start + slot_count[row]",
        "stop = start + slot_count[row] - 1",
        (ENGINE + "a_whole_history_is_decided_as_worked_out_by_hand",),
    ),
    Bug(
        "exactly enough GPU is not enough",
        "kernels/fit.py",
        "if slot_free_milli[slot] >= needs[MILLI, alike]:",
        "if slot_free_milli[slot] > needs[MILLI, alike]:",
        (ENGINE + "a_whole_history_is_decided_as_worked_out_by_hand",),
    ),
    Bug(
        "GPU memory is not looked at",
        "kernels/fit.py",
        "if slot_free_mib[slot] < needs[MIB, kind]:",
        "if slot_free_mib[slot] < 0:",
        (REASONS + "the_first_reason_that_applies_is_named",),
    ),
    Bug(
        "a cordoned node takes pods",
        "kernels/fit.py",
        "elif not schedulable[row]:",
        "elif not alive[row]:",
        (REASONS + "the_first_reason_that_applies_is_named",),
    ),
    Bug(
        "a share's milli are rounded up",
        "kernels/fit.py",
        "max(1, WHOLE * mib // gpu_memory_mib)",
        "(WHOLE * mib + gpu_memory_mib - 1) // gpu_memory_mib",
        (AMOUNTS + "equal_shares_that_add_up_to_a_gpu_fit_on_it",),
    ),
    Bug(
        "a share's memory is rounded up",
        "kernels/fit.py",
        "return milli * gpu_memory_mib // capacity_milli",
        "return (milli * gpu_memory_mib + capacity_milli - 1) // capacity_milli",
        (AMOUNTS + "equal_shares_that_add_up_to_a_gpu_fit_on_it",),
    ),
    Bug(
        "a sliver of memory takes no compute",
        "kernels/fit.py",
        "max(1, WHOLE * mib // gpu_memory_mib)",
        "WHOLE * mib // gpu_memory_mib",
        (AMOUNTS + "what_is_not_asked_for_is_derived_and_rounded_down",),
    ),
    Bug(
        "a share is accepted as another amount",
        "scheduler/taking.py",
        "if grant.milli != need.milli or grant.memory_mib != need.mib:",
        "if grant.milli > need.milli or grant.memory_mib > need.mib:",
        (BOUND + "a_share_is_refused_when_it_would_be_another_amount_by_now",),
    ),
    Bug(
        "a late timer ends a newer hold",
        "scheduler/cluster.py",
        "if until_s != event.until_s:",
        "if until_s < event.until_s:",
        (HOLDS + "a_timer_of_a_replaced_hold_does_not_end_the_newer_one",),
    ),
    Bug(
        "a later user of a claim has the first wish",
        "scheduler/claims.py",
        "return claim.chosen if claim.chosen <= len(device.alternatives) else 0",
        "return 0",
        (CLAIMS + "a_later_user_of_a_claim_has_the_wish_that_the_claim_was_allocated_for",),
    ),
    Bug(
        "a node of a trial leaves its row behind",
        "scheduler/cluster.py",
        "        self._rows.shrink(*size)\n",
        "",
        (TRIAL + "a_node_of_a_trial_leaves_no_row_and_no_gpus_behind",),
    ),
    Bug(
        "a trial stays kept",
        "scheduler/trial.py",
        "        self._kept = self._outermost = False\n",
        "",
        (TRIAL + "a_trial_used_again_is_taken_back_again",),
    ),
    Bug(
        "a column takes its entries only",
        "scheduler/columns.py",
        "return _OBJECTS + column.scores.nbytes + column.codes.nbytes",
        "return column.scores.nbytes + column.codes.nbytes",
        (COLUMNS + "what_a_column_is_said_to_take_is_what_it_takes",),
    ),
    Bug(
        "allowed models are ignored",
        "scheduler/needs.py",
        "if want.models and kind.model not in want.models:",
        "if want.models and not kind.model:",
        (REASONS + "the_first_reason_that_applies_is_named",),
    ),
    Bug(
        "new labels are not seen",
        "scheduler/labels.py",
        "                mask[row] = has_labels(node, labels)\n",
        "                mask[row] |= False\n",
        (CLUSTER + "idle_gpus_may_change_and_labels_always",),
    ),
    Bug(
        "fgd takes the first GPU for a share of all memory",
        "kernels/fragment.py",
        "best_slot[row] = trial",
        "best_slot[row] = 0",
        (POLICIES + "a_share_of_all_of_a_gpus_memory_takes_a_free_gpu",),
    ),
    Bug(
        "a place for a MIG instance is not looked for",
        "kernels/fit.py",
        "having += min(left, most)",
        "having += most",
        (REASONS + "the_first_reason_that_applies_is_named",),
    ),
    Bug(
        "a MIG GPU without a place is said to have no clients left",
        "kernels/fit.py",
        "if left < most and needs[SHIFT, kind] == SEAT_SHIFT:",
        "if left < most:",
        (REASONS + "the_first_reason_that_applies_is_named",),
    ),
    Bug(
        "clients are not counted",
        "kernels/change.py",
        "        slot_used[slot] -= sign * units\n",
        "",
        (CLUSTER + "a_bound_pod_takes_its_room_and_gives_it_back",),
    ),
    Bug(
        "what may still come is not looked up",
        "kernels/change.py",
        "        if slot_table[slot] >= 0:\n",
        "        if slot_table[slot] < -1:\n",
        (REASONS + "the_first_reason_that_applies_is_named",),
    ),
    Bug(
        "a MIG place is promised twice",
        "scheduler/taking.py",
        "if not bits or used & bits:",
        "if not bits:",
        (BOUND + "of_two_decisions_for_the_same_mig_place_the_second_is_refused",),
    ),
    Bug(
        "the last client is promised twice",
        "scheduler/taking.py",
        "return used + len(units) <= kind.seats",
        "return used <= kind.seats",
        (BOUND + "of_two_decisions_for_the_last_client_the_second_is_refused",),
    ),
    Bug(
        "several instances of a pod get one place",
        "scheduler/engine.py",
        "used[slot] = before | bits",
        "used[slot] = before",
        (ENGINE + "instances_are_granted_by_their_place_and_several_one_after_the_other",),
    ),
    Bug(
        "any isolation is taken for the first one",
        "scheduler/needs.py",
        "isolation_of(kind.sharing) is not want.isolation:",
        "isolation_of(kind.sharing) is None:",
        (ENGINE + "an_isolation_comes_before_a_better_node_in_the_order_of_wish",),
    ),
    Bug(
        "a seat makes up for a place",
        "kernels/governed.py",
        "places = (able[k] >> level_shift[kinds[k], level]) & NIBBLE",
        "places = 1",
        (GOVERNED + "a_mig_gpu_is_fragmented_where_no_legal_start_is_left",),
    ),
    # --- health of GPUs --------------------------------------------------------------------
    Bug(
        "a GPU that is named while pods are on it stays without its name",
        "scheduler/cluster.py",
        "        if (node.unhealthy, node.gpu_uuids) != (before.unhealthy, before.gpu_uuids):\n",
        "        if node.unhealthy != before.unhealthy:\n",
        (UUIDS + "names_come_and_go_while_pods_are_on_the_gpus",),
    ),
    Bug(
        "a GPU to avoid may be picked by the device plugin",
        "scheduler/needs.py",
        "kind.uuid not in want.not_uuids and not kind.anonymous",
        "kind.uuid not in want.not_uuids",
        (UUIDS + "a_gpu_that_the_plugin_picks_may_be_one_to_avoid",),
    ),
    Bug(
        "what leaves an unhealthy GPU is free",
        "scheduler/ledger.py",
        "            slot = -1\n",
        "            pass\n",
        (HEALTH + "pods_stay_and_the_other_gpus_go_on",),
    ),
    Bug(
        "a GPU that is healthy again is empty",
        "scheduler/health.py",
        "kind.capacity_milli - milli if",
        "kind.capacity_milli if",
        (HEALTH + "what_was_on_it_counts_when_it_is_healthy_again",),
    ),
    Bug(
        "an unhealthy GPU stands for one in use where the plugin picks",
        "scheduler/health.py",
        "order = np.lexsort((-np.arange(len(slots)), used))",
        "order = np.arange(len(slots))[::-1]",
        (HEALTH + "of_anonymous_gpus_only_the_number_counts",),
    ),
    Bug(
        "a claim on an unhealthy GPU takes new users",
        "scheduler/taking.py",
        "            if is_stranded(view, claims[device.claim]):\n",
        "            if not claims[device.claim].users:\n",
        (HEALTH + "a_claim_on_it_takes_no_new_users",),
    ),
)
