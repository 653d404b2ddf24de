"""Whether two keys put the same pods together: against a plain look at all pods."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bayplan.extender.live.mirror import Mirror
from bayplan.extender.live.reading import Seen
from extender_things import pod

FIRST, SECOND, THIRD = (
    "scheduling.x-k8s.io/pod-group",
    "scheduling.k8s.io/group-name",
    "kueue.x-k8s.io/pod-group-name",
)
Names = tuple[str, str, str]
"""What each of the keys says of a pod; empty: nothing."""


def seen_of(mirror: Mirror, name: str, names: Names, version: int = 0) -> Seen:
    labels = {key: value for key, value in ((FIRST, names[0]), (THIRD, names[2])) if value}
    said = {SECOND: names[1]} if names[1] else {}
    thing = pod(name, uid=f"uid-{name}", labels=labels, annotations=said)
    thing["metadata"]["resourceVersion"] = str(version)
    mirror.see_pod(thing, 0.0)
    return mirror.pods[f"default/{name}"]


def contradiction(mirror: Mirror, gang: str) -> str:
    return mirror.rivals.contradiction(f"default/{gang}", mirror.groups, mirror.pods)


def mirror_of(*pods: Names) -> Mirror:
    mirror = Mirror()
    for k, names in enumerate(pods):
        seen_of(mirror, f"p{k}", names)
    return mirror


def test_other_names_of_the_same_pods_agree() -> None:
    mirror = mirror_of(("g", "x", "q"), ("g", "x", "q"), ("h", "y", "h"), ("", "z", ""))
    assert mirror.rivals
    assert [contradiction(mirror, gang) for gang in ("g", "h", "z", "none")] == [""] * 4


def test_no_key_is_silent_about_what_another_says() -> None:
    """A pod without the other key is not said to be elsewhere."""
    assert contradiction(mirror_of(("g", "x", ""), ("g", "", "")), "g") == ""


def test_a_key_that_divides_the_pods_is_named_with_its_gangs() -> None:
    mirror = mirror_of(("g", "x", ""), ("g", "y", ""))
    assert contradiction(mirror, "g") == (
        f"gang default/g: {SECOND} puts its pods into default/x and default/y;"
        " keep one key that names gangs"
    )


def test_a_key_that_puts_pods_of_two_gangs_together_is_named_in_both() -> None:
    mirror = mirror_of(("g", "x", ""), ("h", "x", ""))
    for one, other in ("gh", "hg"):
        assert contradiction(mirror, one) == (
            f"gang default/{one}: {SECOND} puts its pods into default/x with those of"
            f" default/{other}; keep one key that names gangs"
        )


def test_a_gang_whose_key_does_not_count_for_some_of_its_pods_is_named_in_both() -> None:
    mirror = mirror_of(("g", "x", ""), ("", "x", ""))
    assert contradiction(mirror, "g") == (
        f"gang default/g: {SECOND} puts its pods into default/x with those of default/x;"
        " keep one key that names gangs"
    )
    assert contradiction(mirror, "x") == (
        f"gang default/x: {SECOND} names pods, too, that are in default/g by another;"
        " keep one key that names gangs"
    )


NAMES = st.tuples(*(st.sampled_from(["", "a", "b", "c"]) for _ in range(3)))


def told_apart(pods: dict[str, Names], gang: str) -> bool:
    """Whether some key puts a pod of a gang with others than the key that counts does."""

    def counts(names: Names) -> tuple[int, str]:
        return next(((k, name) for k, name in enumerate(names) if name), (-1, ""))

    members = [names for names in pods.values() if counts(names)[1] == gang]
    for key in range(3):
        said = {names[key] for names in members if names[key] and counts(names)[0] != key}
        if len(said) > 1:
            return True
        for name in said:
            if any(names[key] == name and counts(names)[1] != gang for names in pods.values()):
                return True
        by_it = any(counts(names)[0] == key for names in members)
        if by_it and any(n[key] == gang and counts(n)[1] != gang for n in pods.values()):
            return True
    return False


@given(st.lists(st.tuples(st.integers(0, 5), st.none() | NAMES), max_size=20))
def test_what_is_counted_is_what_all_pods_say(changes: list[tuple[int, Names | None]]) -> None:
    mirror, pods = Mirror(), dict[str, Names]()
    for version, (k, names) in enumerate(changes):
        name = f"p{k}"
        if names is None:
            mirror.forget_pod(f"default/{name}", 0.0)
            pods.pop(name, None)
        else:
            seen_of(mirror, name, names, version)
            pods[name] = names
        for gang in "abc":
            assert bool(contradiction(mirror, gang)) == told_apart(pods, gang)
    for name in pods:
        mirror.forget_pod(f"default/{name}", 0.0)
    assert not mirror.rivals
