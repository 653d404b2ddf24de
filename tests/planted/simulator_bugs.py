"""Bugs of the simulator to plant: progress, rates, order of events, passes, interruptions."""

from __future__ import annotations

from .bugs import Bug

FAULTS = "tests/simulator/core/test_faults.py::test_"
AUTOSCALER = "tests/simulator/core/test_autoscaler.py::test_"
MEMORY = "tests/simulator/core/test_out_of_memory.py::test_"
RATES = "tests/simulator/core/test_rates.py::test_"
SERVICES = "tests/simulator/core/test_services.py::test_"
FLOW = "tests/simulator/core/test_service_flow.py::test_"
STINTS = "tests/simulator/core/test_stints.py::test_"
TRACE = "tests/simulator/outputs/test_trace.py::test_"
WAITING = "tests/simulator/report/test_waiting.py::test_"
SCHEDULES = "tests/simulator/core/test_schedules.py::test_"

SIMULATOR_BUGS = (
    # --- progress --------------------------------------------------------------------------
    Bug(
        "work done before a change counts at the new rate",
        "kernels/progress.py",
        "        settle_one(job, now, checkpoint, work, done, safe, rate, since, ready)\n"
        "        rate[job] = rates[k]\n",
        "        rate[job] = rates[k]\n"
        "        settle_one(job, now, checkpoint, work, done, safe, rate, since, ready)\n",
        (RATES + "two_tenants_by_hand",),
    ),
    Bug(
        "who stays beside nobody goes on as if beside somebody",
        "simulator/core/floor.py",
        "        self._touched += self.seats.leave(job)\n",
        "        self.seats.leave(job)\n",
        (RATES + "two_tenants_by_hand",),
    ),
    Bug(
        "a job goes as fast as on one of its GPUs",
        "kernels/tenants.py",
        "            seat = seat_next[seat]\n",
        "            seat = -1\n",
        (RATES + "a_job_goes_as_fast_as_on_its_slowest_gpu",),
    ),
    Bug(
        "a tenant that left is still counted",
        "simulator/core/seats.py",
        "self.taken -= len(seats)",
        "self.taken -= len(seats) - 1",
        (MEMORY + "a_killed_job_comes_back_later_each_time_and_is_given_up",),
    ),
    # --- interruptions ---------------------------------------------------------------------
    Bug(
        "a job goes back to a checkpoint that was not reached",
        "kernels/progress.py",
        "checkpoint * np.floor((now - ready[job]) / checkpoint)",
        "checkpoint * np.ceil((now - ready[job]) / checkpoint)",
        (RATES + "a_stop_takes_a_job_back_to_its_last_checkpoint",),
    ),
    Bug(
        "only the work lost last is lost",
        "simulator/core/progress/exact.py",
        "book.lost_s[job] += lost",
        "book.lost_s[job] = lost",
        (RATES + "checkpoints_count_from_when_work_begins",),
    ),
    Bug(
        "what was preempted goes on at once",
        "simulator/core/progress/exact.py",
        "stops = book.preemptions.item(job), book.oom_kills",
        "stops = 0, book.oom_kills",
        (RATES + "a_restart_takes_its_time_by_the_number_of_gpus",),
    ),
    Bug(
        "what was lost counts as done",
        "simulator/core/progress/exact.py",
        "book.done_s[job] = book.safe_s[job]",
        "book.safe_s[job] = book.done_s[job]",
        (RATES + "work_is_lost_at_the_rates_that_it_was_done_at",),
    ),
    Bug(
        "a kill for want of memory is not counted",
        "simulator/core/floor.py",
        "self.book.oom_kills[job] += 1",
        "self.book.oom_kills[job] |= 1",
        (MEMORY + "a_killed_job_comes_back_later_each_time_and_is_given_up",),
    ),
    # --- nodes that come and go ------------------------------------------------------------
    Bug(
        "a repair brings back what somebody else took",
        "simulator/core/machines.py",
        "        most = max(holds.values(), default=None)\n",
        "        holds.clear()\n        most = None\n",
        (FAULTS + "a_node_is_up_when_nobody_holds_it",),
    ),
    Bug(
        "all nodes fail by the same draws",
        "simulator/core/sources/faults.py",
        "world.rng(FAULTS, node.node)",
        "world.rng(FAULTS)",
        (FAULTS + "failures_of_a_node_are_its_own_draws",),
    ),
    Bug(
        "who has notice saves nothing",
        "simulator/core/progress/exact.py",
        "        book.safe_s[job] = book.done_s[job]\n\n    def complete",
        "\n    def complete",
        (FAULTS + "jobs_save_what_they_did_when_their_notice_is_over",),
    ),
    # --- who is next -----------------------------------------------------------------------
    Bug(
        "who ends leaves after the pass of that time",
        "simulator/core/clock.py",
        "    FINISH = 1\n",
        "    FINISH = 9\n",
        (SCHEDULES + "at_one_time_ends_come_before_arrivals_and_these_before_the_pass",),
    ),
    Bug(
        "who just fits is not tried again",
        "kernels/queue.py",
        "if needs[MILLI, k] > idle_milli[row]:",
        "if needs[MILLI, k] >= idle_milli[row]:",
        (SCHEDULES + "first_in_first_out_passes_by_who_does_not_fit",),
    ),
    Bug(
        "a reservation keeps nobody away",
        "simulator/core/passes/easy.py",
        "                return False\n            trial.keep()\n",
        "                pass\n            trial.keep()\n",
        (SCHEDULES + "who_would_delay_the_first_is_not_backfilled",),
    ),
    # --- nodes that come and go -------------------------------------------------------------
    Bug(
        "nodes that are on their way are for nobody",
        "simulator/core/sources/sizing.py",
        "        for name in coming:\n            self.scratch.apply(NodeUp(known[name]))\n",
        "",
        (AUTOSCALER + "nodes_on_their_way_are_for_who_waits",),
    ),
    Bug(
        "the first nodes of a gang leave before its last ones come",
        "simulator/core/sources/autoscaler.py",
        "                needed = found.needed\n",
        "",
        (AUTOSCALER + "the_first_nodes_of_a_gang_wait_for_the_last_ones",),
    ),
    Bug(
        "the node with the least price is taken, however little it holds",
        "simulator/core/sources/sizing.py",
        "        return round(price / max(held, 1), DIGITS)\n",
        "        return round(price, DIGITS)\n",
        (AUTOSCALER + "the_price_is_for_what_is_asked_and_not_for_a_node",),
    ),
    Bug(
        "a node is paid for until the end though it has left",
        "simulator/core/bill.py",
        "            nodes.change(now_s, sign)\n",
        "            nodes.change(now_s, max(sign, 0))\n",
        (AUTOSCALER + "a_node_comes_for_who_waits_and_leaves_when_it_is_idle",),
    ),
    # --- services --------------------------------------------------------------------------
    Bug(
        "replicas leave as soon as fewer are wanted",
        "simulator/core/services/scaling.py",
        "return found if found >= current else min(current, max(number for _, number in past))",
        "return found",
        (SERVICES + "replicas_follow_the_load_and_stay_for_five_minutes",),
    ),
    Bug(
        "whom a replica's place lets into another zone is not tried",
        "simulator/core/services/crew.py",
        "                door.try_again()\n",
        "                pass\n",
        (SERVICES + "one_more_in_a_zone_lets_the_next_one_into_the_other",),
    ),
    Bug(
        "a replica that is lost goes on serving until the next round",
        "simulator/core/simulation.py",
        "            self._arm()\n            if self._fleet is not None:\n"
        "                self._fleet.see()\n",
        "            self._arm()\n",
        (SERVICES + "between_rounds_a_replica_that_is_lost_serves_nobody",),
    ),
    Bug(
        "who has gone still waits",
        "simulator/core/services/flow.py",
        "front, leaving = (1.0, head.per_s) if late else (speed, capacity)",
        "front, leaving = (1.0 if late else speed), capacity",
        (FLOW + "who_waits_too_long_goes",),
    ),
    # --- stints, traces, reports -----------------------------------------------------------
    Bug(
        "only one GPU of a job is left when it ends",
        "simulator/core/stints.py",
        "while at < n and jobs[at] == job:",
        "while at == first:",
        (STINTS + "a_gang_has_a_stint_a_gpu_by_the_first_row_of_its_job",),
    ),
    Bug(
        "tenants of one GPU are drawn over each other",
        "simulator/outputs/trace.py",
        "if free_us <= start_us:",
        "if free_us <= end_us:",
        (TRACE + "a_trace_keeps_the_rules_of_the_format_and_has_every_stint",),
    ),
    Bug(
        "a job waits for room on GPUs that it may not use",
        "simulator/report/room.py",
        'usable = nodes.filter(nodes["gpu_model"].is_in(named)) if named else nodes',
        "usable = nodes",
        (WAITING + "a_job_waits_for_the_gpus_that_it_may_use",),
    ),
    Bug(
        "a GPU of which anything is free counts as one that can be had",
        "simulator/report/room.py",
        "own.after // milli - own.before // milli",
        "(own.after > 0).astype(int) - (own.before > 0)",
        (WAITING + "enough_in_all_but_not_on_one_gpu_is_in_pieces",),
    ),
)
