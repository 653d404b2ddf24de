from __future__ import annotations

import pytest

from bayplan.simulator.report.axis import linear, logarithmic, since


@pytest.mark.parametrize(
    ("high", "texts"),
    [
        (100.0, ["0", "20", "40", "60", "80", "100"]),
        (119.0, ["0", "25", "50", "75", "100", "125"]),
        (0.0, ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
        (3.0, ["0", "1", "2", "3"]),
        (24_000.0, ["0", "5,000", "10,000", "15,000", "20,000", "25,000"]),
    ],
)
def test_an_axis_ends_at_a_round_number_that_holds_all(high: float, texts: list[str]) -> None:
    axis = linear(high, "x")
    assert [text for _, text in axis.marks] == texts
    assert axis.high >= high
    assert [axis.place(float(text.replace(",", ""))) for text in texts] == pytest.approx(
        [at for at, _ in axis.marks]
    )


def test_simulated_time_is_in_a_unit_that_one_can_imagine() -> None:
    axis = since(86_400.0 * 21)
    assert axis.label == "days since the first arrival"
    assert [text for _, text in axis.marks] == ["0", "5", "10", "15", "20"]
    assert axis.place(86_400.0 * 10.5) == 0.5
    assert since(0.0).place(0.0) == 0.0
    assert since(50.0).label.startswith("seconds")


@pytest.mark.parametrize(
    ("values", "first", "last"),
    [((0.0, 0.0), "1 s", "10 s"), ((0.0, 7e5), "1 s", "30 d"), ((700.0, 4000.0), "10 min", "6 h"),
     ((5.0, 1e9), "1 s", "1,000 d")],
)  # fmt: skip
def test_durations_have_marks_from_the_least_to_beyond_the_most(
    values: tuple[float, float], first: str, last: str
) -> None:
    axis = logarithmic(values, "wait")
    texts = [text for _, text in axis.marks]
    assert (texts[0] == first) or axis.low <= max(values[0], 1.0)
    assert texts[-1] == last
    assert len(texts) <= 6
    assert axis.place(values[0]) == axis.place(max(values[0], 1.0)) >= 0.0
    assert axis.place(values[1]) <= 1.0
    assert axis.high >= values[1]
    places = [at for at, _ in axis.marks]
    assert places == sorted(places)
