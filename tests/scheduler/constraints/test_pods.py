"""Spread, affinity and anti-affinity over a cluster with pods."""

from __future__ import annotations

import pytest

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.constraints.masks import Masks
from bayplan.scheduler.constraints.types import (
    Constraints,
    Expression,
    NodeAffinityTerm,
    Operator,
    PodTerm,
    Selector,
    Spread,
    Taint,
    Unsatisfiable,
)
from bayplan.scheduler.events import Bound, Gone, Held, HoldExpired
from bayplan.scheduler.types import Decision, Placement, Reason, Request

from .support import (
    HOST,
    ZONE,
    app,
    codes,
    labelled,
    settle,
    spread,
    suits,
    terms,
    with_labels,
    zoned,
)

FITS, SKEW, LABEL = Reason.FITS, Reason.TOPOLOGY_SPREAD, Reason.SPREAD_LABEL
NEAR, APART = Reason.POD_AFFINITY, Reason.POD_ANTI_AFFINITY

# --- spread --------------------------------------------------------------------------------------


def test_no_domain_may_get_too_far_ahead() -> None:
    cluster = zoned("a", "a", "b", "b")
    settle(cluster, labelled("x"), "n0", "n1", "n2")
    assert suits(cluster, labelled("x", spread=spread("x"))) == [False, False, True, True]
    assert suits(cluster, labelled("x", spread=spread("x", skew=2))) == [True] * 4
    assert codes(cluster, labelled("x", spread=spread("x", HOST))) == [SKEW, SKEW, SKEW, FITS]


def test_a_pod_that_is_not_counted_itself_adds_nothing() -> None:
    cluster = zoned("a", "b")
    settle(cluster, labelled("x"), "n0")
    assert suits(cluster, labelled("y", spread=spread("x"))) == [True, True]
    settle(cluster, labelled("x"), "n0")
    assert suits(cluster, labelled("y", spread=spread("x"))) == [False, True]


def test_nodes_without_the_label_are_in_no_domain_and_out_of_question() -> None:
    cluster = zoned("a", "b", "")
    settle(cluster, labelled("x"), "n0", "n2", "n2", "n2")
    assert codes(cluster, labelled("x", spread=spread("x"))) == [SKEW, FITS, LABEL]


def test_a_domain_counts_only_nodes_with_the_labels_of_all_constraints() -> None:
    both = (*spread("x"), *spread("x", "rack", skew=9))
    cluster = Cluster(
        [
            with_labels("n0", ((ZONE, "a"), ("rack", "r0"))),
            with_labels("n1", ((ZONE, "b"), ("rack", "r1"))),
            with_labels("n2", ((ZONE, "b"),)),
        ]
    )
    settle(cluster, labelled("x"), "n2", "n2")
    assert codes(cluster, labelled("x", spread=both)) == [FITS, FITS, LABEL]
    assert codes(cluster, labelled("x", spread=both[:1])) == [FITS, SKEW, SKEW]


def test_pods_of_other_namespaces_do_not_count() -> None:
    cluster = zoned("a", "b")
    settle(cluster, labelled("x", namespace="other"), "n0", "n0")
    assert suits(cluster, labelled("x", spread=spread("x"))) == [True, True]
    theirs = labelled("x", namespace="other", spread=spread("x"))
    assert suits(cluster, theirs) == [False, True]


def test_too_few_domains_leave_room_for_one_empty_one() -> None:
    cluster = zoned("a", "b")
    settle(cluster, labelled("x"), "n0", "n1")
    assert suits(cluster, labelled("x", spread=spread("x"))) == [True, True]
    assert suits(cluster, labelled("x", spread=spread("x", min_domains=2))) == [True, True]
    assert suits(cluster, labelled("x", spread=spread("x", min_domains=3))) == [False, False]


def test_by_default_only_nodes_of_the_pods_own_affinity_make_domains() -> None:
    cluster = zoned("a", "b", "c")
    settle(cluster, labelled("x"), "n0", "n1")
    near = (NodeAffinityTerm((Expression(ZONE, Operator.IN, ("a", "b")),)),)
    honored = labelled("x", node_affinity=near, spread=spread("x"))
    assert codes(cluster, honored) == [FITS, FITS, Reason.NODE_AFFINITY]
    ignored = labelled("x", node_affinity=near, spread=spread("x", node_affinity_honored=False))
    assert codes(cluster, ignored) == [SKEW, SKEW, Reason.NODE_AFFINITY]
    # Required labels are a part of it.
    labels = ((ZONE, "a"),)
    by_labels = codes(cluster, labelled("x", spread=spread("x")), node_labels=labels)
    assert by_labels == [FITS, Reason.NODE_LABELS, Reason.NODE_LABELS]


@pytest.mark.parametrize("change", [{"taints": (Taint("gpu"),)}, {"schedulable": False}])
def test_only_if_asked_tainted_nodes_make_no_domains(change: dict[str, object]) -> None:
    cluster = Cluster(
        [with_labels("n0", ((ZONE, "a"),)), with_labels("n1", ((ZONE, "b"),), **change)]
    )
    settle(cluster, labelled("x"), "n0")
    assert codes(cluster, labelled("x", spread=spread("x"))) == [SKEW, Reason.TAINT]
    honored = labelled("x", spread=spread("x", node_taints_honored=True))
    assert codes(cluster, honored) == [FITS, Reason.TAINT]


def test_constraints_that_only_prefer_keep_nobody_away() -> None:
    cluster = zoned("a", "b", "")
    settle(cluster, labelled("x"), "n0")
    soft = spread("x", unsatisfiable=Unsatisfiable.SCHEDULE_ANYWAY)
    assert suits(cluster, labelled("x", spread=soft)) == [True, True, True]


def test_versions_of_a_deployment_are_spread_by_themselves() -> None:
    cluster = zoned("a", "b")
    old = Constraints((("app", "x"), ("hash", "1")))
    settle(cluster, old, "n0")
    wishes = spread("x", match_label_keys=("hash",))
    assert suits(cluster, Constraints((("app", "x"), ("hash", "2")), spread=wishes)) == [True, True]
    assert suits(cluster, Constraints((("app", "x"), ("hash", "1")), spread=wishes)) == [
        False,
        True,
    ]


@pytest.mark.parametrize("selector", [None, Selector()])
def test_a_spread_over_nobody_or_over_an_empty_selector_counts_nobody(
    selector: Selector | None,
) -> None:
    # kube-scheduler takes an empty selector here for one that counts no pods.
    cluster = zoned("a", "b", "")
    settle(cluster, labelled("x"), "n0", "n0", "n0")
    wishes = labelled("x", spread=(Spread(1, ZONE, selector),))
    assert codes(cluster, wishes) == [FITS, FITS, LABEL]


# --- affinity ------------------------------------------------------------------------------------


def test_a_pod_goes_where_one_is_that_it_wants_to_be_near() -> None:
    cluster = zoned("a", "a", "b", "")
    settle(cluster, labelled("db"), "n1")
    assert suits(cluster, labelled("web", pod_affinity=terms("db"))) == [True, True, False, False]
    by_host = labelled("web", pod_affinity=terms("db", HOST))
    assert codes(cluster, by_host) == [NEAR, FITS, NEAR, NEAR]


def test_the_first_of_a_group_goes_anywhere_with_the_label_and_the_others_follow() -> None:
    cluster = zoned("a", "b", "")
    together = labelled("x", pod_affinity=terms("x"))
    assert suits(cluster, together) == [True, True, False]
    settle(cluster, together, "n1")
    assert suits(cluster, together) == [False, True, False]
    assert suits(zoned("a", "b"), labelled("web", pod_affinity=terms("db"))) == [False, False]


def test_the_first_of_a_group_is_so_by_the_namespaces_of_its_terms() -> None:
    elsewhere = labelled("x", pod_affinity=terms("x", namespaces=("other",)))
    assert suits(zoned("a"), elsewhere) == [False]
    everywhere = labelled("x", pod_affinity=terms("x", namespace_selector=Selector()))
    assert suits(zoned("a"), everywhere) == [True]


def test_a_match_on_a_node_without_the_topology_label_is_none() -> None:
    cluster = zoned("a", "")
    settle(cluster, labelled("x"), "n1")
    assert suits(cluster, labelled("x", pod_affinity=terms("x"))) == [True, False]
    assert suits(cluster, labelled("y", pod_affinity=terms("x"))) == [False, False]


def test_one_pod_must_match_all_terms() -> None:
    def both(*keys: str) -> tuple[PodTerm, ...]:
        front = Selector((Expression("tier", Operator.IN, ("front",)),))
        return PodTerm(keys[0], app("x")), PodTerm(keys[1], front)

    cluster = zoned("a", "a", "b")
    settle(cluster, labelled("x"), "n0")
    settle(cluster, Constraints((("tier", "front"),)), "n1")
    assert suits(cluster, Constraints(pod_affinity=both(ZONE, ZONE))) == [False, False, False]
    settle(cluster, Constraints((("app", "x"), ("tier", "front"))), "n1")
    assert suits(cluster, Constraints(pod_affinity=both(ZONE, HOST))) == [False, True, False]
    # The terms may find different pods among those that match all.
    settle(cluster, Constraints((("app", "x"), ("tier", "front"))), "n2")
    assert suits(cluster, Constraints(pod_affinity=both(ZONE, HOST))) == [False, True, True]


def test_a_term_without_a_selector_is_near_nobody_and_an_empty_one_near_anybody() -> None:
    cluster = zoned("a", "b")
    settle(cluster, None, "n1")
    assert suits(cluster, Constraints(pod_affinity=(PodTerm(ZONE),))) == [False, False]
    anybody = Constraints(pod_affinity=(PodTerm(ZONE, Selector()),))
    assert suits(cluster, anybody) == [False, True]


# --- anti-affinity -------------------------------------------------------------------------------


def test_a_pod_stays_away_from_the_domains_of_others() -> None:
    cluster = zoned("a", "a", "b", "")
    settle(cluster, labelled("x"), "n0", "n3")
    assert suits(cluster, labelled("y", pod_anti_affinity=terms("x"))) == [False, False, True, True]
    by_host = labelled("x", pod_anti_affinity=terms("x", HOST))
    assert codes(cluster, by_host) == [APART, FITS, FITS, APART]


def test_terms_of_anti_affinity_count_each_by_itself() -> None:
    cluster = zoned("a", "b", "c")
    settle(cluster, labelled("x"), "n0")
    settle(cluster, labelled("y"), "n1")
    wishes = (*terms("x"), *terms("y", HOST))
    assert suits(cluster, Constraints(pod_anti_affinity=wishes)) == [False, False, True]


def test_who_is_there_keeps_others_off_too() -> None:
    cluster = zoned("a", "a", "b")
    settle(cluster, labelled("loner", pod_anti_affinity=terms("x")), "n0")
    assert codes(cluster, labelled("x")) == [APART, APART, FITS]
    assert suits(cluster, labelled("y")) == [True, True, True]
    assert suits(cluster, labelled("x", namespace="other")) == [True, True, True]


def test_who_is_there_keeps_off_namespaces_by_their_labels() -> None:
    cluster = zoned("a", "b")
    red = Selector((Expression("team", Operator.IN, ("red",)),))
    hermit = labelled("hermit", pod_anti_affinity=(PodTerm(ZONE, Selector(), (), red),))
    settle(cluster, hermit, "n0")
    assert suits(cluster, labelled("x")) == [True, True]
    assert suits(cluster, labelled("x", namespace="reds")) == [True, True]
    theirs = labelled("x", namespace="reds", namespace_labels=(("team", "red"),))
    assert suits(cluster, theirs) == [False, True]


def test_a_pod_without_constraints_has_no_labels_and_is_in_the_default_namespace() -> None:
    cluster = zoned("a", "b")
    settle(cluster, None, "n0")
    anybody = (PodTerm(ZONE, Selector()),)
    assert suits(cluster, Constraints(pod_anti_affinity=anybody)) == [False, True]
    theirs = Constraints(namespace="other", pod_anti_affinity=anybody)
    assert suits(cluster, theirs) == [True, True]


# --- one after the other -------------------------------------------------------------------------


def test_of_several_reasons_the_lasting_one_is_said() -> None:
    cluster = zoned("a", "b", "")
    settle(cluster, labelled("x"), "n0")
    everything = labelled(
        "x",
        spread=spread("x"),
        pod_affinity=terms("db"),
        pod_anti_affinity=terms("x", HOST),
    )
    assert codes(cluster, everything) == [NEAR, NEAR, LABEL]
    two = labelled("x", spread=spread("x"), pod_anti_affinity=terms("x"))
    assert codes(cluster, two) == [SKEW, FITS, LABEL]


def test_pods_come_and_go() -> None:
    cluster = zoned("a", "b")
    lonely = labelled("x", pod_anti_affinity=terms("x"))
    request = Request("first", constraints=lonely)
    assert suits(cluster, lonely) == [True, True]
    held = Decision(request, 0.0, Placement("n0"))
    cluster.apply(Held(held, 5.0))
    assert suits(cluster, lonely) == [False, True]
    cluster.apply(HoldExpired("first", 5.0))
    assert suits(cluster, lonely) == [True, True]
    with cluster.trial():
        cluster.apply(Bound(Decision(request, 0.0, Placement("n1")), 0.0))
        assert suits(cluster, lonely) == [True, False]
        twin = cluster.copy()
    assert suits(cluster, lonely) == [True, True]
    assert suits(twin, lonely) == [True, False]
    twin.apply(Gone("first"))
    assert suits(twin, lonely) == [True, True]


def test_of_many_templates_only_some_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bayplan.scheduler.constraints.index._MAX_KNOWN", 3)
    cluster = zoned("a", "b")
    near = labelled("y", pod_affinity=terms("x"), pod_anti_affinity=terms("z"))
    for i in range(10):
        settle(cluster, Constraints(labels=(("app", "x"), ("pod", str(i)))), "n0")
        assert suits(cluster, near) == [True, False]
    index = next(m.index for m in cluster.view.memos.values() if isinstance(m, Masks))
    tallies = list(index._tallies.values())
    assert sorted(int(tally.counts.sum()) for tally in tallies) == [0, 10]
    assert all(len(tally.kind.known) <= 3 for tally in tallies)
