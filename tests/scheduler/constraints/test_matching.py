"""What labels, selectors, taints and tolerations mean, one at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.constraints.masks import constraint_reasons
from bayplan.scheduler.constraints.matching import (
    Who,
    holds,
    integer,
    selects,
    spread_who,
    template_of,
    tolerated,
    tolerates,
    who_of,
)
from bayplan.scheduler.constraints.types import (
    Constraints,
    Effect,
    Expression,
    NodeAffinityTerm,
    Operator,
    PodTerm,
    Selector,
    Spread,
    Taint,
    Toleration,
    TolerationOperator,
    Unsatisfiable,
)
from bayplan.scheduler.errors import InvalidRequest
from bayplan.scheduler.types import Request

from .support import app

IN, NOT_IN, THERE = Operator.IN, Operator.NOT_IN, Operator.EXISTS
AWAY, MORE, LESS = Operator.DOES_NOT_EXIST, Operator.GT, Operator.LT
EQUAL, ANY = TolerationOperator.EQUAL, TolerationOperator.EXISTS
ABOVE, BELOW = TolerationOperator.GT, TolerationOperator.LT
NEVER, RATHER_NOT, NOT_EVEN_NOW = Effect.NO_SCHEDULE, Effect.PREFER_NO_SCHEDULE, Effect.NO_EXECUTE


@pytest.mark.parametrize(
    ("operator", "values", "value", "expected"),
    [
        (IN, ("a", "b"), "b", True),
        (IN, ("a", "b"), "c", False),
        (IN, ("a", "b"), None, False),
        (IN, ("",), "", True),
        (IN, ("",), None, False),
        (NOT_IN, ("a", "b"), "b", False),
        (NOT_IN, ("a", "b"), "c", True),
        (NOT_IN, ("a", "b"), None, True),
        (THERE, (), "", True),
        (THERE, (), None, False),
        (AWAY, (), "", False),
        (AWAY, (), None, True),
        (MORE, ("5",), "6", True),
        (MORE, ("5",), "5", False),
        (MORE, ("5",), "10", True),
        (MORE, ("-5",), "-4", True),
        (MORE, ("5",), "+06", True),
        (MORE, ("5",), "6.5", False),
        (MORE, ("5",), "six", False),
        (MORE, ("5",), None, False),
        (MORE, ("5",), str(2**63), False),
        (LESS, ("5",), "4", True),
        (LESS, ("5",), "5", False),
        (LESS, ("5",), None, False),
        (LESS, ("5",), " 4", False),
    ],
)
def test_expressions_hold(
    operator: Operator, values: tuple[str, ...], value: str | None, expected: bool
) -> None:
    assert holds(Expression("key", operator, values), value) is expected


def test_whole_numbers_are_of_64_bits() -> None:
    assert integer(str(2**63 - 1)) == 2**63 - 1
    assert integer(str(-(2**63))) == -(2**63)
    assert integer(str(2**63)) is None
    assert integer("9" * 5000) is None
    assert integer("1_000") is None
    assert integer("") is None
    assert integer("٣") is None


@pytest.mark.parametrize(
    ("toleration", "taint", "expected"),
    [
        (Toleration("k", EQUAL, "v", NEVER), Taint("k", "v"), True),
        (Toleration("k", EQUAL, "v", NEVER), Taint("k", "w"), False),
        (Toleration("k", EQUAL, "v", NEVER), Taint("j", "v"), False),
        (Toleration("k", EQUAL, "v", NEVER), Taint("k", "v", NOT_EVEN_NOW), False),
        (Toleration("k", EQUAL, "v"), Taint("k", "v", NOT_EVEN_NOW), True),
        (Toleration("k"), Taint("k"), True),
        (Toleration("k", ANY), Taint("k", "v"), True),
        (Toleration("k", ANY), Taint("j", "v"), False),
        (Toleration("k", ANY, effect=NOT_EVEN_NOW), Taint("k", "v"), False),
        (Toleration(operator=ANY), Taint("k", "v"), True),
        (Toleration(operator=ANY, effect=NEVER), Taint("k", "v", NOT_EVEN_NOW), False),
        (Toleration("sla", ABOVE, "950"), Taint("sla", "951"), True),
        (Toleration("sla", ABOVE, "950"), Taint("sla", "950"), False),
        (Toleration("sla", ABOVE, "950"), Taint("sla", "high"), False),
        (Toleration("sla", ABOVE, "950"), Taint("sla", "0951"), False),
        (Toleration("sla", ABOVE, "950"), Taint("sla"), False),
        (Toleration("sla", BELOW, "950"), Taint("sla", "-1"), True),
        (Toleration("sla", BELOW, "950"), Taint("sla", "950"), False),
        (Toleration("sla", BELOW, "950"), Taint("other", "1"), False),
    ],
)
def test_tolerations_cover_taints(toleration: Toleration, taint: Taint, expected: bool) -> None:
    assert tolerates(toleration, taint) is expected


def test_every_taint_needs_a_toleration_of_its_own_but_those_that_only_prefer() -> None:
    taints = Taint("a"), Taint("b", effect=NOT_EVEN_NOW), Taint("c", effect=RATHER_NOT)
    assert tolerated((), ())
    assert tolerated(taints[2:], ())
    assert not tolerated(taints, (Toleration("a"),))
    assert not tolerated(taints, (Toleration("b"),))
    assert tolerated(taints, (Toleration("a"), Toleration("b")))


def test_no_selector_selects_nothing_and_an_empty_one_everything() -> None:
    assert not selects(None, {"app": "x"})
    assert selects(Selector(), {"app": "x"})
    assert selects(Selector(), {})
    assert selects(app("x"), {"app": "x"})
    assert not selects(app("x"), {})
    both = Selector((*app("x").expressions, Expression("tier", THERE)))
    assert not selects(both, {"app": "x"})
    assert selects(both, {"app": "x", "tier": "0"})


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        (PodTerm("zone", app("x")), ["own"]),
        (PodTerm("zone", app("x"), ("theirs",)), ["theirs"]),
        (PodTerm("zone", app("x"), ("own", "theirs")), ["own", "theirs"]),
        (PodTerm("zone", app("x"), (), Selector()), ["own", "theirs", "third"]),
        (
            PodTerm("zone", app("x"), (), Selector((Expression("team", IN, ("red",)),))),
            ["theirs"],
        ),
        (
            PodTerm("zone", app("x"), ("own",), Selector((Expression("team", IN, ("red",)),))),
            ["own", "theirs"],
        ),
        (
            PodTerm(
                "zone",
                app("x"),
                (),
                Selector((Expression("kubernetes.io/metadata.name", IN, ("third",)),)),
            ),
            ["third"],
        ),
        (PodTerm("zone", None, ("own",)), []),
    ],
)
def test_terms_mean_pods_in_namespaces(term: PodTerm, expected: list[str]) -> None:
    who = who_of(term, "own")
    labels = {"own": (), "theirs": (("team", "red"),), "third": (("team", "blue"),)}
    pods = [
        Constraints((("app", "x"),), name, namespace_labels)
        for name, namespace_labels in labels.items()
    ]
    assert [pod.namespace for pod in pods if who.takes(template_of(pod))] == expected
    others = [replace(pod, labels=(("app", "y"),)) for pod in pods]
    assert not any(who.takes(template_of(pod)) for pod in others)


def test_the_pods_own_labels_narrow_a_spread() -> None:
    wide = Spread(1, "zone", app("x"), match_label_keys=("hash", "missing"))
    narrowed = Selector((*app("x").expressions, Expression("hash", IN, ("1",))))
    assert spread_who(wide, {"app": "x", "hash": "1"}, "own") == Who(narrowed, ("own",))
    assert spread_who(wide, {"app": "x"}, "own") == Who(app("x"), ("own",))
    nobody = replace(wide, selector=None)
    assert spread_who(nobody, {"app": "x", "hash": "1"}, "own") == Who(None, ("own",))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"labels": (("a", "1"), ("a", "2"))}, "label a is there twice"),
        ({"tolerations": (Toleration(),)}, "without a key"),
        ({"tolerations": (Toleration("k", ANY, "v"),)}, "Exists and the value 'v'"),
        ({"tolerations": (Toleration("k", ABOVE, "much"),)}, "'much', which is no whole number"),
        ({"node_affinity": (NodeAffinityTerm((Expression("a", IN),)),)}, "a In needs values"),
        (
            {"node_affinity": (NodeAffinityTerm((Expression("a", THERE, ("1",)),)),)},
            "a Exists takes no values",
        ),
        (
            {"node_affinity": (NodeAffinityTerm((Expression("a", MORE, ("x",)),)),)},
            "a Gt needs one whole number",
        ),
        (
            {"node_affinity": (NodeAffinityTerm((Expression("a", LESS, ("1", "2")),)),)},
            "a Lt needs one whole number",
        ),
        (
            {"node_affinity": (NodeAffinityTerm((), (Expression("metadata.uid", IN, ("1",)),)),)},
            "a field expression must be metadata.name",
        ),
        (
            {"node_affinity": (NodeAffinityTerm((), (Expression("metadata.name", THERE),)),)},
            "In or NotIn one name",
        ),
        ({"pod_affinity": (PodTerm("", app("x")),)}, "without a topology key"),
        (
            {"pod_anti_affinity": (PodTerm("zone", Selector((Expression("app", MORE, ("1",)),))),)},
            "app Gt: a selector cannot compare so",
        ),
        (
            {"pod_affinity": (PodTerm("zone", app("x"), (), Selector((Expression("a", IN),))),)},
            "a In needs values",
        ),
        ({"spread": (Spread(0, "zone"),)}, "of 1 or more"),
        ({"spread": (Spread(1, "zone", min_domains=0),)}, "of 1 or more"),
        ({"spread": (Spread(1, ""),)}, "a spread constraint without a topology key"),
    ],
)
def test_what_the_api_would_refuse_is_refused(wrong: dict[str, Any], message: str) -> None:
    request = Request("odd", constraints=Constraints(**wrong))
    with pytest.raises(InvalidRequest, match=message) as caught:
        constraint_reasons(Cluster(), request)
    assert str(caught.value).startswith("pod odd: ")


def test_what_is_not_looked_at_is_named() -> None:
    anyway = Spread(1, "zone", app("x"), Unsatisfiable.SCHEDULE_ANYWAY)
    term = PodTerm("zone", app("x"))
    assert Constraints().not_looked_at == ()
    assert Constraints(spread=(Spread(1, "zone"),)).not_looked_at == ()
    assert Constraints(
        spread=(anyway,),
        preferred_node_affinity=((1, NodeAffinityTerm()),),
        preferred_pod_affinity=((1, term),),
        preferred_pod_anti_affinity=((1, term),),
        unmodelled=("volumes", "host ports"),
    ).not_looked_at == (
        "volumes",
        "host ports",
        "preferred node affinity",
        "preferred pod affinity",
        "preferred pod anti-affinity",
        "topology spread with ScheduleAnyway",
    )
