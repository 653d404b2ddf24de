"""What ``--vary`` makes of a scenario."""

from __future__ import annotations

import pytest

from bayplan.scheduler.errors import InputError
from bayplan.simulator.simulate.variations import (
    Varied,
    parse_varied,
    resampling,
    variations,
)


@pytest.mark.parametrize(
    ("text", "path", "values"),
    [
        ("sharing=mps, hami", "sharing.mode", ("mps", "hami")),
        ("placement=fgd", "policy.placement", ("fgd",)),
        ("layout=1g.10gb@0,3g.40gb@4;fitted", "sharing.layout", ("1g.10gb@0,3g.40gb@4", "fitted")),
        ("layout=1g.10gb@0,3g.40gb@4;", "sharing.layout", ("1g.10gb@0,3g.40gb@4",)),
        ("jobs.load=0.5,1", "jobs.load", ("0.5", "1")),
    ],
)  # fmt: skip
def test_values_are_separated_by_commas_or_semicolons(
    text: str, path: str, values: tuple[str, ...]
) -> None:
    assert parse_varied(text) == Varied(path, values)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("placement", "--vary 'placement': no key=values; write placement=fgd,best-fit"),
        ("placement=fgd,fgd", "--vary 'placement=fgd,fgd': 'fgd' stands there twice; give it once"),
        ("strict=no,No", "--vary 'strict=no,No': 'No' is the same as 'no'; give it once"),
        ("scale=1,2,1.0", "--vary 'scale=1,2,1.0': '1.0' is the same as '1'; give it once"),
        ("scale=1,1", "--vary 'scale=1,1': '1' stands there twice; give it once"),
        ("scale=x,x", "--vary 'scale=x,x': 'x' stands there twice; give it once"),
        ("run.seed=1,2", "--vary 'run.seed=1,2': seeds have a flag; give --seeds"),
        ("mix=1", "--vary 'mix=1': jobs.synthetic.mix is a table; vary another key"),
        ("placment=fgd", "placment: there is no such key; did you mean 'placement'?"),
    ],
)  # fmt: skip
def test_what_cannot_be_varied_is_refused(text: str, said: str) -> None:
    with pytest.raises(InputError) as error:
        parse_varied(text)
    assert str(error.value) == said


def test_every_combination_is_made_the_last_key_fastest() -> None:
    varied = [parse_varied("sharing=mps,hami"), parse_varied("placement=fgd,best-fit,pwr")]
    made, problems = variations(None, [("placement", "first-fit"), ("limit", "5")], varied)
    assert problems == []
    assert [(each.group, each.name) for each in made] == [
        (mode, policy) for mode in ("mps", "hami") for policy in ("fgd", "best-fit", "pwr")
    ]
    for each in made:
        assert each.values == (each.scenario["sharing.mode"], each.scenario["policy.placement"])
        assert each.scenario["jobs.limit"] == 5


def test_an_empty_value_is_named_as_a_file_has_it() -> None:
    made, problems = variations(None, [("sharing", "mig-static")], [parse_varied("layout=,fitted")])
    assert problems == []
    assert [(each.group, each.name) for each in made] == [("", '""'), ("", "fitted")]
    pairs = [parse_varied("layout=,fitted"), parse_varied("placement=fgd,pwr")]
    made, _ = variations(None, [("sharing", "mig-static")], pairs)
    assert [(each.group, each.name) for each in made] == [
        (layout, policy) for layout in ('""', "fitted") for policy in ("fgd", "pwr")
    ]


def test_without_variations_there_is_the_scenario() -> None:
    (only,), problems = variations(None, [("placement", "fgd")], [])
    assert (only.group, only.name, only.values, problems) == ("", "fgd", (), [])


def test_a_key_that_says_nothing_is_wrong_only_if_it_never_says_anything() -> None:
    layout = [("layout", "fitted")]
    fine = [parse_varied("sharing=mps,mig-static")]
    assert variations(None, layout, fine)[1] == []
    _, problems = variations(None, layout, [parse_varied("sharing=mps,hami")])
    assert [str(problem) for problem in problems] == [
        'sharing.layout: it says nothing without sharing.mode = "mig-static";'
        " set that, or leave it out"
    ]


def test_what_is_wrong_in_several_combinations_is_said_once() -> None:
    varied = [parse_varied("sharing=mps,mpss"), parse_varied("placement=fgd,fdg,best-fit")]
    _, problems = variations(None, [("limit", "0")], varied)
    assert [str(problem).partition(";")[0] for problem in problems] == [
        "jobs.limit: 0 is outside 1 to 10,000,000",
        "policy.placement: there is no placement 'fdg'",
        "sharing.mode: there is no 'mpss'",
    ]


def test_a_key_is_varied_once_and_not_without_end() -> None:
    twice = [parse_varied("placement=fgd"), parse_varied("policy.placement=pwr")]
    with pytest.raises(InputError, match=r"policy\.placement stands there twice"):
        variations(None, [], twice)
    many = ",".join(map(str, range(101)))
    with pytest.raises(InputError, match="10,201 combinations"):
        variations(None, [], [parse_varied(f"min_run_s={many}"), parse_varied(f"retries={many}")])


@pytest.mark.parametrize(
    ("given", "synthetic", "done"),
    [
        ("auto", 0, "bootstrap"),
        ("auto", 3, "none"),
        ("permute", 0, "permute"),
        ("none", 0, "none"),
    ],
)
def test_jobs_are_drawn_anew_in_a_comparison(given: str, synthetic: int, done: str) -> None:
    settings = [("resample", given), ("count", str(synthetic))]
    (only,), _ = variations(None, settings, [])
    assert resampling(only).scenario["jobs.resample"] == done
