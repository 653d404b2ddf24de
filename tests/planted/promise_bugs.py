"""Bugs of what Bayplan promises to plant.

Gangs, GPU islands, rollback, preemption, queues, orders, constraints and explanations.
"""

from __future__ import annotations

from .bugs import Bug

ADMISSION = "tests/scheduler/queues/test_admission.py::test_"
BACKFILL = "tests/scheduler/ordering/test_backfill.py::test_"
CONSTRAINED_NODES = "tests/scheduler/constraints/test_nodes.py::test_"
CONSTRAINED_PODS = "tests/scheduler/constraints/test_pods.py::test_"
FIXES = "tests/scheduler/explaining/test_fixes_hold.py::test_"
GANG_FIXES = "tests/scheduler/explaining/test_gangs_hold.py::test_"
GANG_VICTIMS = "tests/scheduler/preemption/test_gangs.py::test_"
GANG_WAITS = "tests/scheduler/explaining/test_gang_waits.py::test_"
GANGS = "tests/scheduler/gangs/test_gangs.py::test_"
ISLAND_KERNEL = "tests/kernels/test_island.py::test_"
ISLANDS = "tests/scheduler/test_islands.py::test_"
LETTER = "tests/scheduler/constraints/test_against_the_letter.py::test_"
LIMITS = "tests/scheduler/queues/test_limits.py::test_"
MATCHING = "tests/scheduler/constraints/test_matching.py::test_"
NEVER_PARTIAL = "tests/scheduler/gangs/test_never_partial.py::test_"
ORDERS = "tests/scheduler/ordering/test_orders.py::test_"
PLAN_LIMITS = "tests/simulator/plan/test_limits.py::test_"
PLANS = "tests/scheduler/gangs/test_oracle.py::test_"
QUEUED_PODS = "tests/scheduler/queues/test_pods.py::test_"
RECLAIM = "tests/scheduler/queues/test_reclaim.py::test_"
ROLLBACK = "tests/scheduler/test_rollback.py::test_"
TEXTS = "tests/scheduler/explaining/test_texts.py::test_"
VICTIMS = "tests/scheduler/preemption/test_pods.py::test_"

PROMISE_BUGS = (
    # --- gangs -----------------------------------------------------------------------------
    Bug(
        "a gang starts with one member less than it must",
        "scheduler/gangs/members.py",
        "missing = max(0, least - present)",
        "missing = max(0, least - present - 1)",
        (
            NEVER_PARTIAL
            + "whatever_comes_between_a_plan_and_its_commit_a_gang_starts_whole_or_not_at_all",
        ),
    ),
    Bug(
        "the members that found a place are the plan",
        "scheduler/gangs/planning.py",
        "    if left is None:\n        return placed\n",
        "    if left is None or placed:\n        return placed\n",
        (PLANS + "a_plan_is_found_exactly_where_one_exists",),
    ),
    Bug(
        "members that are in the cluster do not count",
        "scheduler/gangs/members.py",
        "present = sum(request.uid in cluster.pods for request in role.members)",
        "present = 0",
        (PLANS + "plans_with_preferred_wishes_keep_the_nearest_that_can_be_had",),
    ),
    Bug(
        "a plan stands without the member that it found in the cluster",
        "scheduler/gangs/standing.py",
        "    if any(uid not in pods for uid in plan.bound):\n        return False\n",
        "",
        (GANGS + "a_plan_falls_with_a_member_that_it_found_in_the_cluster",),
    ),
    Bug(
        "a plan stands though one of its placements does not fit",
        "scheduler/gangs/standing.py",
        "            except Conflict:\n                return False\n",
        "            except Conflict:\n                continue\n",
        (GANGS + "a_plan_falls_when_a_placement_no_longer_fits",),
    ),
    # --- GPU islands -----------------------------------------------------------------------
    Bug(
        "a placement across islands is let in",
        "scheduler/taking.py",
        "    if request.topology is not None and not stays_near(",
        "    if request.topology is None and not stays_near(",
        (
            ISLANDS + "a_placement_across_islands_is_refused_though_it_fits",
            ISLANDS + "a_decision_is_checked_against_the_islands_that_there_are_by_now",
        ),
    ),
    Bug(
        "the island with the most room is taken",
        "scheduler/near.py",
        "(best is None or having < best[0])",
        "(best is None or having > best[0])",
        (ISLANDS + "the_island_with_the_least_room_is_taken_and_the_first_of_those",),
    ),
    Bug(
        "islands begin one GPU early",
        "kernels/island.py",
        "here = slot_gpu[slot] // island[row]",
        "here = (slot_gpu[slot] + 1) // island[row]",
        (ISLAND_KERNEL + "whole_gpus_of_two_islands_are_not_of_one",),
    ),
    # --- rollback --------------------------------------------------------------------------
    Bug(
        "a rollback leaves the first change of an inner trial",
        "scheduler/trial.py",
        "while len(journal) > self._mark:",
        "while len(journal) > self._mark + bool(self._mark):",
        (ROLLBACK + "who_tried_something_is_as_its_twin_that_did_not_then_and_ever_after",),
    ),
    Bug(
        "what an inner trial keeps the outer one keeps too",
        "scheduler/trial.py",
        "        if self._outermost:\n",
        "        if self._kept and not self._outermost:\n"
        "            self._cluster._journal = []\n"
        "        if self._outermost:\n",
        (ROLLBACK + "who_tried_something_is_as_its_twin_that_did_not_then_and_ever_after",),
    ),
    # --- preemption ------------------------------------------------------------------------
    Bug(
        "a victim that could stay leaves",
        "kernels/victims.py",
        "                    elif not fits:\n                        phase = _UNDO\n",
        "                    elif not fits or depth == 0:\n                        phase = _UNDO\n",
        (VICTIMS + "victims_suffice_none_may_stay_and_guards_hold",),
    ),
    Bug(
        "a victim of a gang that could stay leaves",
        "scheduler/preemption/reprieve.py",
        "                if not (fits or self._fits)():\n",
        "                if (fits or self._fits)() or left:\n",
        (GANG_VICTIMS + "evicting_one_gang_makes_room_on_several_nodes",),
    ),
    Bug(
        "equals make room for one another",
        "scheduler/preemption/policies/_base.py",
        "return np.less(table.priority, request.priority)",
        "return np.less_equal(table.priority, request.priority)",
        (VICTIMS + "victims_suffice_none_may_stay_and_guards_hold",),
    ),
    Bug(
        "a pod that must not be preempted leaves",
        "scheduler/preemption/question.py",
        "pool.eligible & table.live & table.preemptible & ~table.held",
        "pool.eligible & table.live & ~table.held",
        (VICTIMS + "min_run_time_and_preemptible_protect",),
    ),
    Bug(
        "a pod that has just started leaves",
        "scheduler/preemption/question.py",
        "eligible &= table.start_s + guards.min_run_s <= now_s",
        "eligible &= table.start_s <= now_s + guards.min_run_s",
        (VICTIMS + "min_run_time_and_preemptible_protect",),
    ),
    Bug(
        "more is reclaimed from a queue than its excess",
        "scheduler/preemption/question.py",
        "                limits[number] = milli\n",
        "                limits[number] = 2 * milli\n",
        (VICTIMS + "fair_reclaim_takes_the_excess_of_others_first_and_no_more",),
    ),
    Bug(
        "mates stay of a gang that cannot go on",
        "scheduler/preemption/verify.py",
        "            leaving |= table.members[gang]\n",
        "            leaving |= set()\n",
        (VICTIMS + "a_gang_counts_whole_wherever_it_runs",),
    ),
    Bug(
        "a budget allows one eviction more",
        "kernels/victims.py",
        "violations += max(0, amount - max(0, limit[number]))",
        "violations += max(0, amount - max(0, limit[number] + 1))",
        (VICTIMS + "nodes_are_in_the_order_of_the_rules",),
    ),
    # --- queues ----------------------------------------------------------------------------
    Bug(
        "a queue may use one more than its limit",
        "scheduler/queues/admission.py",
        "if limit is not None and inside[i] + felt > limit:",
        "if limit is not None and inside[i] + felt > limit + 1:",
        (ADMISSION + "it_admits_what_stays_within_each_limit_that_feels_it",),
    ),
    Bug(
        "limits of groups do not bind",
        "scheduler/queues/admission.py",
        "        i = parents[i]\n    return None\n",
        "        i = 0\n    return None\n",
        (LIMITS + "no_queue_and_no_group_uses_more_than_its_limit_and_none_is_refused_below_it",),
    ),
    Bug(
        "what others keep may be borrowed",
        "scheduler/queues/usage.py",
        "        before = max(inside[i], reserves[i])\n",
        "        before = inside[i]\n",
        (ADMISSION + "it_admits_what_stays_within_each_limit_that_feels_it",),
    ),
    Bug(
        "a MIG instance counts for nothing in its queue",
        "scheduler/queues/pods.py",
        "return _gpus(sum(grant.milli for grant in grants), gpu_model)",
        "return _gpus(sum(grant.milli for grant in grants if not grant.slot.profile), gpu_model)",
        (QUEUED_PODS + "gpus_count_as_what_is_taken_of_them_by_model",),
    ),
    Bug(
        "a guarantee is taken back from its owner",
        "scheduler/queues/reclaim.py",
        "return max(0, self.column.inside[i] - self.guaranteed[i])",
        "return max(0, self.column.inside[i])",
        (RECLAIM + "after_all_is_taken_nobody_has_less_than_its_guarantee",),
    ),
    Bug(
        "a plan does not ask the queue what a gang takes where it goes",
        "simulator/plan/planning.py",
        "over = self._over(plan.decisions, without=evicts)",
        "over = None",
        (PLAN_LIMITS + "a_gang_over_the_limit_where_it_would_go_does_not_start",),
    ),
    # --- orders ----------------------------------------------------------------------------
    Bug(
        "the reservation of the head is ignored",
        "kernels/backfill.py",
        "            if need[job] > spare:\n                continue\n",
        "            if need[job] > left:\n                continue\n",
        (BACKFILL + "easy_is_the_slow_plan_in_the_order_of_the_queue",),
    ),
    Bug(
        "a head whose start is unknown is passed",
        "kernels/backfill.py",
        "spare = np.int64(0) if is_unknown else then - need[head[0]]",
        "spare = np.int64(left) if is_unknown else then - need[head[0]]",
        (BACKFILL + "nobody_passes_a_head_whose_start_is_unknown",),
    ),
    Bug(
        "a promised start is given away",
        "kernels/backfill.py",
        "        change_profile(times, free, chain, start, end, -need[job])\n    return kept\n",
        "        change_profile(times, free, chain, start, end, 0)\n    return kept\n",
        (BACKFILL + "conservative_is_the_slow_plan_as_deep_as_it_may",),
    ),
    Bug(
        "usage does not fade",
        "scheduler/ordering/fair_share.py",
        "usage * 2.0 ** (-age_s / half_life_s)",
        "usage * 1.0 ** (-age_s / half_life_s)",
        (ORDERS + "usage_of_long_ago_counts_less",),
    ),
    Bug(
        "ties go to whoever is first in the table",
        "scheduler/ordering/_base.py",
        "    ties = by_arrival(pending)\n    order = ties\n",
        "    order = np.arange(pending.size)\n",
        (ORDERS + "a_policy_is_a_sort_with_ties_by_submission_and_uid",),
    ),
    # --- constraints -----------------------------------------------------------------------
    Bug(
        "tolerations are ignored",
        "scheduler/constraints/matching.py",
        "any(tolerates(t, taint) for t in tolerations)",
        "any(tolerates(t, taint) for t in tolerations[:0])",
        (MATCHING + "every_taint_needs_a_toleration_of_its_own_but_those_that_only_prefer",),
    ),
    Bug(
        "taints keep nobody away",
        "scheduler/constraints/static.py",
        "codes[~allowed] = Reason.TAINT",
        "codes[~allowed & ~alive] = Reason.TAINT",
        (CONSTRAINED_NODES + "taints_keep_away_who_does_not_tolerate_them",),
    ),
    Bug(
        "who is there keeps nobody off",
        "scheduler/constraints/dynamic.py",
        "if keeper.kind.takes(wishes.template):",
        "if not keeper:",
        (CONSTRAINED_PODS + "who_is_there_keeps_others_off_too",),
    ),
    Bug(
        "a domain may be one pod further ahead",
        "scheduler/constraints/dynamic.py",
        "own - least > spread.max_skew",
        "own - least > spread.max_skew + 1",
        (LETTER + "every_row_gets_the_first_reason_by_the_letter",),
    ),
    # --- explanations ----------------------------------------------------------------------
    Bug(
        "a taint is offered that is not the only one",
        "scheduler/explaining/relaxing.py",
        "found = case.engine.decide(relaxed, case.now_s, case.nodes).placement",
        "found = case.engine.decide(there, case.now_s, case.nodes).placement",
        (FIXES + "every_fix_holds_when_applied",),
    ),
    Bug(
        "of pods that end at one time only the first is waited for",
        "scheduler/explaining/waiting.py",
        "if at_s.size == most if is_last else at_s.item(n + 1) == here_s:",
        "if at_s.size == most if is_last else at_s.item(n + 1) < here_s:",
        (TEXTS + "pods_that_end_at_one_time_end_together",),
    ),
    Bug(
        "moves are offered that were not tried one after the other",
        "scheduler/explaining/moving.py",
        "target).placement is None:\n                    return None\n",
        "target).placement is None:\n                    continue\n",
        (TEXTS + "no_pod_moves_to_where_it_may_go_only_once_the_request_is_there",),
    ),
    Bug(
        "members wait for their first wish only",
        "scheduler/explaining/gang_case.py",
        "np.any([may_hold(way) for way in self.ways], axis=0)",
        "np.any([may_hold(way) for way in self.ways[:1]], axis=0)",
        (GANG_WAITS + "a_member_waits_for_its_second_wish",),
    ),
    Bug(
        "a gang is told to wait for one end too few",
        "scheduler/explaining/gang_waiting.py",
        "chosen = np.sort(steps.end[steps.since <= last]).tolist()",
        "chosen = np.sort(steps.end[steps.since < last]).tolist()",
        (GANG_FIXES + "every_fix_holds_when_applied",),
    ),
)
