"""The report in a real browser: from disk, without a network, on screens of two sizes and in print.

Skips where there is no Chromium, but fails there if ``CI_REQUIRE_BROWSER`` is 1, as in CI.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bayplan import cli

from .chromium import Page, browser, installed

PHONE, DESK = (390, 844), (1280, 900)
SMALL = ("--jobs.synthetic.count", "150", "--cluster.gpu", "A100-80GB", "--run.fragmentation")

DRAWN = """[...document.querySelectorAll('figure.plot')].map(figure => ({
  id: figure.id,
  width: figure.querySelector('.frame > svg').getBoundingClientRect().width,
  height: figure.querySelector('.frame > svg').getBoundingClientRect().height,
  paths: [...figure.querySelectorAll('.frame > svg .curve, .frame > svg .level')].map(path => {
    const box = path.getBBox(), style = getComputedStyle(path);
    return [box.width, box.height, path.getTotalLength(), style.stroke, style.fill];
  }),
}))"""

SIDEWAYS = "[document.documentElement.scrollWidth, document.body.scrollWidth, innerWidth]"

OUTSIDE = """[...document.querySelectorAll('body *')].filter(each => {
  const box = each.getBoundingClientRect();
  return box.right > innerWidth + 1 && !each.closest('.scroll') && getComputedStyle(each).position
    !== 'absolute';
}).map(each => each.tagName + '.' + each.className)"""

MARKS = """[...document.querySelectorAll('.frame .x')].flatMap(axis => {
  const boxes = [...axis.children].map(each => each.getBoundingClientRect());
  return boxes.slice(1).map((box, i) => box.left - boxes[i].right);
})"""

COLOURS = """(() => { const style = getComputedStyle(document.body);
  return [style.backgroundColor, style.color]; })()"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    made = []
    for mode in ("exclusive", "mps", "mig-dynamic"):
        out = folder / mode
        flags = ("--sharing.mode", mode, "--out", str(out), "--quiet")
        assert cli._run(["simulate", *SMALL, *flags]) == 0
        made.append(str(out))
    assert cli._run(["report", *made, "--out", str(folder / "all.html"), "--quiet"]) == 0
    return {"one": folder / "mig-dynamic" / "report.html", "several": folder / "all.html"}


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    program = installed()
    if program is None:
        if os.environ.get("CI_REQUIRE_BROWSER") == "1":
            pytest.fail("there is no Chromium; install the package chromium")
        pytest.skip("there is no Chromium")
    with browser(program) as page:
        page.offline()
        yield page


def show(tab: Page, path: Path, size: tuple[int, int], scheme: str, media: str = "") -> None:
    tab.size(*size, mobile=size == PHONE)
    tab.looks(scheme=scheme, media=media)
    tab.open(path)


@pytest.mark.parametrize("which", ["one", "several"])
@pytest.mark.parametrize(
    ("size", "scheme", "media"),
    [
        (DESK, "light", ""),
        (DESK, "dark", ""),
        (PHONE, "light", ""),
        (PHONE, "dark", ""),
        (DESK, "light", "print"),
        (DESK, "dark", "print"),
    ],
)
def test_everything_is_drawn_without_a_network(
    tab: Page,
    pages: dict[str, Path],
    which: str,
    size: tuple[int, int],
    scheme: str,
    media: str,
) -> None:
    show(tab, pages[which], size, scheme, media)
    assert tab.requests() == [pages[which].resolve().as_uri()]
    assert tab.complaints() == []
    plots = tab.value(DRAWN)
    assert len(plots) == {"one": 6, "several": 10}[which]
    for plot in plots:
        assert plot["width"] > 150, plot["id"]
        assert plot["height"] > 40, plot["id"]
        assert plot["paths"], plot["id"]
        for width, height, length, stroke, fill in plot["paths"]:
            assert width + height > 0.0 < length, plot["id"]
            assert "none" in (stroke, fill), plot["id"]
            assert {stroke, fill} != {"none"}, plot["id"]
    whole, body, window = tab.value(SIDEWAYS)
    assert max(whole, body) <= window == size[0]
    assert tab.value(OUTSIDE) == []
    assert min(tab.value(MARKS)) > 0.0  # the marks of an axis do not lie on each other


def test_colours_follow_what_the_reader_prefers_and_paper_is_white(
    tab: Page, pages: dict[str, Path]
) -> None:
    seen = {}
    for scheme, media in (("light", ""), ("dark", ""), ("light", "print"), ("dark", "print")):
        show(tab, pages["one"], DESK, scheme, media)
        seen[scheme, media] = tab.value(COLOURS)
    assert seen["light", ""][0] == "rgb(255, 255, 255)"
    assert seen["dark", ""] != seen["light", ""]
    assert seen["light", "print"] == seen["dark", "print"] == seen["light", ""]


def test_it_prints_on_pages(tab: Page, pages: dict[str, Path]) -> None:
    show(tab, pages["several"], DESK, "dark")
    pdf = tab.pdf()
    assert pdf.startswith(b"%PDF")
    assert len(pdf) > 20_000


def test_the_plots_are_pictures_with_names_to_those_who_do_not_see_them(
    tab: Page, pages: dict[str, Path]
) -> None:
    show(tab, pages["one"], DESK, "light")
    tab.send("Accessibility.enable")
    nodes = tab.send("Accessibility.getFullAXTree")["nodes"]
    images = [node for node in nodes if node.get("role", {}).get("value") in ("image", "img")]
    named = [node["name"]["value"] for node in images]
    assert "wait" in named
    assert any(name.startswith("GPUs over time") for name in named)
    assert all(named)
    roles = {node.get("role", {}).get("value") for node in nodes}
    assert {"columnheader", "rowheader", "table", "main", "navigation"} <= roles


def test_a_page_that_asks_for_something_or_fails_is_seen(tab: Page, tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text("<img src='http://127.0.0.1:9/x.png'><script>nothing.there()</script>")
    tab.open(page)
    assert "http://127.0.0.1:9/x.png" in tab.requests()
    assert any("nothing is not defined" in text for text in tab.complaints())
    page.write_text("<p style='width:2000px'>wide</p>")
    show(tab, page, PHONE, "light")
    whole, _, _ = tab.value(SIDEWAYS)
    assert whole > PHONE[0]
