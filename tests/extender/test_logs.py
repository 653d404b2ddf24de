"""Lines of the log, as machines read them."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from bayplan.extender import logs
from bayplan.scheduler.errors import InputError


@pytest.fixture(autouse=True)
def _root_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    yield
    root.handlers, root.level = handlers, level


def test_a_line_of_json_has_the_fields_that_it_was_given() -> None:
    stream = io.StringIO()
    logs.set_up(stream)
    logging.getLogger("a.b").warning("took %d ms", 7, extra={"verb": "bind", "n": 3})
    line = json.loads(stream.getvalue())
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "warning", "logger": "a.b", "message": "took 7 ms", "verb": "bind", "n": 3,
    }  # fmt: skip


def test_a_traceback_is_one_field_of_one_line() -> None:
    stream = io.StringIO()
    logs.set_up(stream)
    try:
        raise RuntimeError("oh\nno")
    except RuntimeError:
        logging.exception("failed")
    (line,) = stream.getvalue().splitlines()
    assert "RuntimeError: oh" in json.loads(line)["traceback"]


def test_logfmt_quotes_what_needs_it() -> None:
    stream = io.StringIO()
    logs.set_up(stream, form="logfmt")
    logging.getLogger("a").info("two words", extra={"verb": "bind", "q": 'a"b', "e": "", "n": 1})
    line = stream.getvalue()
    assert line.partition(" ")[2] == (
        'level=info logger=a message="two words" verb=bind q="a\\"b" e="" n=1\n'
    )


def test_below_the_level_nothing_is_written() -> None:
    stream = io.StringIO()
    logs.set_up(stream, level="error")
    logging.warning("not this")
    assert stream.getvalue() == ""


def test_what_json_does_not_know_is_written_as_text() -> None:
    stream = io.StringIO()
    logs.set_up(stream)
    logging.warning("x", extra={"what": object})
    assert json.loads(stream.getvalue())["what"] == "<class 'object'>"


@pytest.mark.parametrize("wrong", [{"form": "xml"}, {"level": "loud"}])
def test_an_unknown_form_or_level_is_one_line(wrong: dict[str, str]) -> None:
    with pytest.raises(InputError, match="one of"):
        logs.set_up(io.StringIO(), **wrong)
