"""Bugs of GPU sharing to plant: MIG places, seats, memory, repartitioning, speeds."""

from __future__ import annotations

from .bugs import Bug

FAULTS = "tests/scheduler/test_faults.py::test_"
LIVE = "tests/scheduler/partition/test_live.py::test_"
PLACEMENT = "tests/scheduler/mig/test_placement.py::test_"
REPARTITIONED = "tests/scheduler/test_repartitioned.py::test_"
SHARING = "tests/scheduler/test_sharing.py::test_"
SHARING_MIG = "tests/scheduler/test_sharing_mig.py::test_"
SPEED = "tests/kernels/test_speed.py::test_"
TABLES = "tests/scheduler/mig/test_tables.py::test_"

SHARING_BUGS = (
    Bug(
        "two instances have media engines",
        "scheduler/mig/tables.py",
        'media = MEDIA if "+me" in profile.variant else 0',
        "media = 0",
        (SHARING_MIG + "one_instance_with_media_engines_is_on_a_gpu",),
    ),
    Bug(
        "one client too many is let in",
        "scheduler/mig/tables.py",
        "left = np.maximum(limit - np.arange(N_MASKS), 0)",
        "left = np.maximum(limit + 1 - np.arange(N_MASKS), 0)",
        (TABLES + "seats_run_out_at_the_limit",),
    ),
    Bug(
        "the driver starts at the lowest place",
        "scheduler/mig/tables.py",
        "gain = np.full(N_MASKS, float(i))",
        "gain = np.full(N_MASKS, -float(i))",
        (PLACEMENT + "driver_greedy_starts_where_the_driver_does",),
    ),
    Bug(
        "max-options does not look at the mix",
        "scheduler/mig/tables.py",
        "weight = mix.get(profile.name, 0.0) if mix else float(not profile.variant)",
        "weight = float(not profile.variant)",
        (PLACEMENT + "max_options_keeps_room_for_what_is_to_come_in_that_order_too",),
    ),
    Bug(
        "a context takes no memory",
        "scheduler/needs.py",
        "mib + context if sharing.check_memory else 0",
        "mib if sharing.check_memory else 0 * context",
        (SHARING + "a_context_counts_beside_a_stated_memory_and_not_beside_a_derived_one",),
    ),
    Bug(
        "a larger instance is taken for a small share",
        "scheduler/needs.py",
        "return _covers(want, kind.product, kind.profile) and not any(",
        "return _covers(want, kind.product, kind.profile) or any(",
        (SHARING_MIG + "a_share_takes_the_smallest_instance_of_the_layout_that_covers_it",),
    ),
    Bug(
        "clients of an instance are as many as on a GPU",
        "scheduler/kinds.py",
        "return max(1, mps.clients * self.profile.compute_slices // self.product.compute_slices)",
        "return mps.clients",
        (SHARING_MIG + "the_limit_of_clients_shrinks_with_the_compute_slices",),
    ),
    Bug(
        "what is in use is lost when a GPU is cut anew",
        "scheduler/rows.py",
        "                array[new] = value\n",
        "                _ = (array, new, value)\n",
        (REPARTITIONED + "a_layout_that_keeps_what_is_in_use_takes_the_place_of_another",),
    ),
    Bug(
        "claims stay behind when slots move",
        "scheduler/cluster.py",
        "self._claims[name] = replace(claim, tenancy=moved(claim.tenancy, went))",
        "self._claims[name] = claim",
        (REPARTITIONED + "a_claim_stays_where_it_is",),
    ),
    Bug(
        "a fault of one instance takes the whole GPU",
        "scheduler/faults.py",
        "return slot, units if kind.is_dynamic_mig else 0",
        "return slot, 0 if kind.is_dynamic_mig else 0",
        (FAULTS + "an_instance_keeps_its_faults_to_itself",),
    ),
    Bug(
        "a plan forgets what runs",
        "scheduler/partition/live.py",
        "layouts = {gpu: {*state.used, *state.idle} for gpu, state in states.items()}",
        "layouts = {gpu: {*state.idle} for gpu, state in states.items()}",
        (LIVE + "a_plan_makes_room_beside_what_runs",),
    ),
    Bug(
        "another tenant costs nothing",
        "kernels/speed.py",
        "waiting = collision * max(waiting, total - 1.0)",
        "waiting = 0.0 * max(waiting, total - 1.0)",
        (SPEED + "saturating_tenants_in_turns_get_a_part_less_the_switching",),
    ),
)
