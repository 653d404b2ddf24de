"""Bugs of the simulator to plant: progress, rates, order of events, passes, interruptions."""

from __future__ import annotations

from .bugs import Bug

DEFERRAL = "tests/simulator/core/test_deferral.py::test_"
ENERGY = "tests/simulator/core/test_energy.py::test_"
GPU_FAULTS = "tests/simulator/core/test_gpu_faults.py::test_"
STRAGGLERS = "tests/simulator/core/test_stragglers.py::test_"
SAVING = "tests/simulator/core/test_saving.py::test_"
FAULTS = "tests/simulator/core/test_faults.py::test_"
ELASTIC = "tests/simulator/core/test_elastic.py::test_"
ELASTIC_POLICIES = "tests/simulator/core/test_elastic_policies.py::test_"
AUTOSCALER = "tests/simulator/core/test_autoscaler.py::test_"
MEMORY = "tests/simulator/core/test_out_of_memory.py::test_"
RATES = "tests/simulator/core/test_rates.py::test_"
SERVICES = "tests/simulator/core/test_services.py::test_"
FLOW = "tests/simulator/core/test_service_flow.py::test_"
STINTS = "tests/simulator/core/test_stints.py::test_"
TRACE = "tests/simulator/outputs/test_trace.py::test_"
WAITING = "tests/simulator/report/test_waiting.py::test_"
STARTUP = "tests/simulator/core/test_startup.py::test_"
SCHEDULES = "tests/simulator/core/test_schedules.py::test_"

SIMULATOR_BUGS = (
    # --- progress --------------------------------------------------------------------------
    Bug(
        "work done before a change counts at the new rate",
        "kernels/progress.py",
        "        settle_one(job, now, checkpoint, work, done, safe, rate, since, ready)\n"
        "        finish[k] =",
        "        rate[job] = rates[k]\n"
        "        settle_one(job, now, checkpoint, work, done, safe, rate, since, ready)\n"
        "        finish[k] =",
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
    # --- starts of pods ---------------------------------------------------------------------
    Bug(
        "who comes later slows nobody's pull",
        "simulator/core/startup/startups.py",
        "                moved.append(job)\n",
        "                pass\n",
        (STARTUP + "pulls_share_the_link_of_their_node",),
    ),
    Bug(
        "each pull has the link to itself",
        "simulator/core/startup/link.py",
        "            share = room / (len(active) - k)\n",
        "            share = room\n",
        (STARTUP + "transfers_share_a_link_as_by_virtual_time",),
    ),
    Bug(
        "a pull that was given up leaves its image",
        "simulator/core/startup/site.py",
        "                self.cache.drop(each.key[0])\n",
        "                pass\n",
        (STARTUP + "a_pull_that_nobody_waits_for_any_more_ends_and_leaves_nothing",),
    ),
    Bug(
        "the image that came first makes room, though it was used last",
        "simulator/core/startup/cache.py",
        "        self._mib.move_to_end(name)\n",
        "",
        (STARTUP + "the_image_used_longest_ago_makes_room",),
    ),
    Bug(
        "a node that comes back has what it had",
        "simulator/core/startup/startups.py",
        "        self._sites.pop(name, None)\n",
        "",
        (STARTUP + "a_node_that_comes_back_has_nothing",),
    ),
    # --- energy and deferral ---------------------------------------------------------------
    Bug(
        "all zones have the hours of the first",
        "simulator/core/energy.py",
        "if self._area_of[place.node] == number",
        "if number == 0",
        (ENERGY + "each_zone_has_its_own_hours_to_the_gram",),
    ),
    Bug(
        "a window is cleanest where its first hour is",
        "simulator/core/deferral/windows.py",
        "found = costs.all_between(starts, length_s)",
        "found = costs.all_between(starts, 1.0)",
        (DEFERRAL + "a_run_longer_than_the_clean_hour_has_it_in_its_window",),
    ),
    Bug(
        "those who wait are not counted against those who are held back",
        "simulator/core/deferral/room.py",
        "waiting = self._floor.waiting.jobs()",
        "waiting = self._floor.waiting.jobs()[:0]",
        (
            DEFERRAL + "who_would_find_no_room_later_goes_early_and_before_the_others",
            DEFERRAL + "nobody_is_late_who_was_held_back",
        ),
    ),
    # --- elastic jobs ----------------------------------------------------------------------
    Bug(
        "a change of its pods takes a job back to its last checkpoint",
        "simulator/core/floor.py",
        "            self.progress.save(book, job, now)\n",
        "            pass\n",
        (ELASTIC + "a_change_costs_as_much_as_a_restart_if_nothing_else_is_said",),
    ),
    Bug(
        "work is counted by the GPUs that a job has at the end",
        "simulator/core/totals.py",
        "work = ((book.done_s + book.lost_s) * book.work_gpus)",
        "work = ((book.done_s + book.lost_s) * book.n_gpus)",
        (ELASTIC + "a_job_takes_what_is_idle_and_gives_it_back_for_who_waits",),
    ),
    Bug(
        "growing in the moment of a start is paid for",
        "simulator/core/elastic/resizing.py",
        "        if self._sizes.began_s.item(job) < floor.now_s:\n            cost_s",
        "        if True:\n            cost_s",
        (ELASTIC + "a_job_takes_what_is_idle_and_gives_it_back_for_who_waits",),
    ),
    Bug(
        "who is made room for gets more than it needs",
        "simulator/core/elastic/resizing.py",
        "            self._reprieve(floor, job, gone, kept)\n",
        "",
        (ELASTIC + "pods_that_need_not_go_stay",),
    ),
    Bug(
        "pods move between equals",
        "kernels/elastic.py",
        "if mine > other or (mine == other and stays):",
        "if mine > other:",
        (ELASTIC + "pods_do_not_move_between_equals",),
    ),
    Bug(
        "a share that meets a deadline is one pod short",
        "simulator/core/elastic/policies.py",
        "share = int(meets.argmax()) + 1",
        "share = int(meets.argmax())",
        (
            ELASTIC_POLICIES
            + "the_earliest_deadline_comes_first_and_one_that_cannot_be_met_not_at_all",
        ),
    ),
    # --- faults of GPUs, stragglers, checkpoints -------------------------------------------
    Bug(
        "who shares the fate of a process lives on",
        "simulator/core/gpus.py",
        "hit = {uid for each in uids for uid in blast_radius(floor.cluster, each)}",
        "hit = set(uids)",
        (GPU_FAULTS + "under_mps_all_clients_die_of_the_process_of_one",),
    ),
    Bug(
        "a GPU is repaired while somebody is on it",
        "simulator/core/gpus.py",
        "            if not self.jobs_on(name, gpu):\n",
        "            if self.jobs_on(name, gpu) is not None:\n",
        (GPU_FAULTS + "under_mig_the_process_of_one_instance_dies_alone",),
    ),
    Bug(
        "a node comes back with its broken GPUs whole",
        "simulator/core/machines.py",
        "unhealthy = self.unhealthy.get(node.name, node.unhealthy)",
        "unhealthy = node.unhealthy",
        (GPU_FAULTS + "a_node_that_comes_back_has_its_broken_gpu_still",),
    ),
    Bug(
        "a job goes as fast as the soundest of its GPUs",
        "simulator/core/slowness.py",
        "factor = min([self",
        "factor = max([self",
        (STRAGGLERS + "a_job_goes_at_the_speed_of_its_slowest_gpu",),
    ),
    Bug(
        "a job of many GPUs saves as if it had one",
        "simulator/core/hazards.py",
        "for name, _, _ in sorted(gpus)]",
        "for name in sorted({name for name, _, _ in gpus})]",
        (SAVING + "the_rate_of_failures_grows_with_nodes_and_gpus",),
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
