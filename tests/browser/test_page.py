"""The page in a real browser: drawn, quiet, usable at any width, by keyboard and by ear."""

from __future__ import annotations

from pathlib import Path

import axe_playwright_python
import pytest

from browser.conftest import CLASSES, HOSTILE, Opened, wait_until

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
TOO_WIDE = "document.documentElement.scrollWidth - window.innerWidth"
OPEN_ALL = "document.querySelectorAll('details').forEach(d => { d.open = %s; })"
# Of every chart whose rows are ticked: whether it has marks, some width, and ends inside the page.
ALL_DRAWN = """[...document.querySelectorAll(".strips, .curves")].filter(
  place => place.checkVisibility()
).map(place => {
  const marks = place.querySelectorAll("circle, rect, path:not(.guide)");
  const box = place.getBoundingClientRect();
  return marks.length > 0 && box.width > 100 && box.right <= window.innerWidth;
})"""


@pytest.fixture(autouse=True)
def quiet(opened: Opened):
    """Whatever a test does, the page throws nothing and asks for nothing but itself."""
    yield
    assert opened.messages == []
    assert [url for url in opened.requests[1:] if not url.startswith(("data:", "blob:"))] == []


def test_every_chart_is_drawn(opened):
    opened.page.evaluate(OPEN_ALL % "true")
    drawn = opened.page.evaluate(ALL_DRAWN)
    opened.page.evaluate(OPEN_ALL % "false")
    assert len(drawn) > 10
    assert all(drawn)


def test_names_that_look_like_markup_stay_text(opened):
    page = opened.page
    assert page.title() == f"{HOSTILE}: multimodal comparison"
    assert page.locator("h1").inner_text().startswith(HOSTILE)
    assert page.locator("script").count() == 2
    assert page.locator("img:not([src^='data:image/png'])").count() == 0
    assert page.locator(".strips").get_by_text(CLASSES[1], exact=True).count() > 0


@pytest.mark.parametrize("width", [360, 1120, 1280, 1440])
def test_nothing_scrolls_sideways_and_charts_fit(opened, width):
    opened.page.set_viewport_size({"width": width, "height": 900})
    opened.page.evaluate(OPEN_ALL % "true")
    assert opened.page.evaluate(TOO_WIDE) <= 0
    assert all(opened.page.evaluate(ALL_DRAWN))
    opened.page.evaluate(OPEN_ALL % "false")


def violations(page, rules: str) -> list[tuple[str, list[str]]]:
    """What axe-core objects to."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    options = f"{{preload: false, resultTypes: ['violations'], {rules}}}"
    found = page.evaluate(f"axe.run({options})")
    assert found["passes"]
    return [(v["id"], [node["html"][:120] for node in v["nodes"][:3]]) for v in found["violations"]]


def test_axe_finds_no_violation_with_all_tables_open(opened):
    opened.page.evaluate(OPEN_ALL % "true")
    assert violations(opened.page, "rules: {'color-contrast': {enabled: false}}") == []
    opened.page.evaluate(OPEN_ALL % "false")


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_text_stands_out_from_what_is_behind_it(opened, scheme):
    opened.page.emulate_media(color_scheme=scheme)
    opened.page.evaluate(OPEN_ALL % "true")
    assert violations(opened.page, "runOnly: ['color-contrast']") == []
    opened.page.evaluate(OPEN_ALL % "false")


def test_colours_can_be_switched_and_charts_follow(opened):
    page = opened.page
    ink = "getComputedStyle(document.querySelector('.strips circle:not(.ring)')).fill"
    before = page.evaluate(ink)
    button = page.get_by_role("button", name="Dark colours")
    button.press("Enter")
    wait_until(page, f"{ink} !== '{before}'")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 27)"
    page.get_by_role("button", name="Light colours").press("Enter")
    wait_until(page, f"{ink} === '{before}'")


def test_filters_leave_the_samples_that_fit(opened):
    page = opened.page
    page.evaluate(OPEN_ALL % "true")
    cards, told = page.locator(".cards li"), page.locator(".filters:not(#choose) [role=status]")
    assert told.inner_text() == "6 of 6 samples"
    page.get_by_label("class", exact=True).select_option(label=CLASSES[0])
    shown = cards.locator("visible=true")
    assert shown.count() == 2
    assert told.inner_text() == "2 of 6 samples"
    assert all(CLASSES[0] in text for text in shown.all_inner_texts())
    page.get_by_label("joint", exact=True).select_option(label="wrong")
    marks = shown.evaluate_all("cards => cards.map(card => card.dataset.marks)")
    assert all("fused-wrong" in found for found in marks)
    for choice in ("class", "joint"):
        page.get_by_label(choice, exact=True).select_option(label="all")
    assert shown.count() == 6
    page.evaluate(OPEN_ALL % "false")


def test_the_keyboard_reaches_all_that_can_be_used(opened):
    page = opened.page
    usable = "a[href], button, select, input, summary, [tabindex='0']"
    wanted = page.evaluate(f"""() => {{
      window.reached = new Set();
      document.addEventListener("focusin", (event) => window.reached.add(event.target));
      document.activeElement.blur();
      return [...document.querySelectorAll("{usable}")].filter((e) => e.checkVisibility()).length;
    }}""")
    for _ in range(wanted + 2):
        page.keyboard.press("Tab")
    assert page.evaluate(f"[...window.reached].filter(e => e.matches(`{usable}`)).length") == wanted


def test_details_open_by_keyboard_and_hold_the_numbers_of_a_chart(opened):
    numbers = opened.page.locator("details.numbers").first
    numbers.locator("summary").press("Enter")
    assert numbers.locator("table").is_visible()
    assert numbers.locator("tbody tr").count() == 5
    numbers.locator("summary").press("Enter")


def test_paper_is_white_even_when_the_screen_is_dark(opened):
    page = opened.page
    page.emulate_media(color_scheme="dark")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(color_scheme="dark", media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("nav").is_hidden()
    assert page.evaluate("[...document.querySelectorAll('details.part')].every(p => p.open)")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert not page.evaluate("[...document.querySelectorAll('details.part')].some(p => p.open)")
    page.emulate_media(color_scheme="light", media="screen")
