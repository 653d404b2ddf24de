"""Which occurrences are written, on hand-computed times."""

from __future__ import annotations

from bayplan.extender.api.series import MOST, Key, Pod, SeriesBook

KEY = Key(Pod("ns", "p", "u"), "Warning", "FailedScheduling", "no room")


def test_the_first_and_the_second_are_written_and_then_one_in_thirty_seconds() -> None:
    book, written = SeriesBook(), []
    for second in range(0, 100, 10):
        series, write = book.noted(KEY, f"e{second}", float(second))
        if write:
            written.append((second, series.name, series.count))
    # Second 10 is the second occurrence; 40 and 70 are 30 s after what was written last.
    assert written == [(0, "e0", 1), (10, "e0", 2), (40, "e0", 5), (70, "e0", 8)]
    assert book.due(99.0) == []
    [(key, series)] = book.due(100.0)
    assert (key, series.count) == (KEY, 10)
    assert book.due(200.0) == [], "all is written"


def test_after_six_minutes_of_silence_it_is_another_event() -> None:
    book = SeriesBook()
    book.noted(KEY, "a", 0.0)
    assert book.noted(KEY, "b", 360.0)[0].name == "a"
    assert book.noted(KEY, "c", 720.5)[0].name == "c"


def test_another_pod_reason_note_or_type_is_another_event() -> None:
    book = SeriesBook()
    others = [
        KEY._replace(about=Pod("ns", "p", "v")),
        KEY._replace(reason="Other"),
        KEY._replace(note="less room"),
        KEY._replace(type="Normal"),
    ]
    assert [book.noted(key, "e", 0.0)[0].count for key in [KEY, *others]] == [1] * 5


def test_only_so_many_are_remembered() -> None:
    book = SeriesBook()
    book.noted(KEY, "first", 0.0)
    for index in range(MOST):
        book.noted(KEY._replace(note=str(index)), str(index), 1.0)
    assert book.noted(KEY, "again", 2.0)[0].name == "again"
    assert book.noted(KEY._replace(note=str(MOST - 1)), "x", 2.0)[0].count == 2
