"""The HTML report in a real browser: it loads without a word on the console, sorts, filters and draws."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from solved import solved_run
from synthetic import synthetic_records

from cosolve.evaluation.report import Report
from cosolve.evaluation.report.collect import collect
from cosolve.evaluation.report.page import page as render

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install playwright")

# One browser for all tests of this file: xdist must not spread them.
pytestmark = pytest.mark.xdist_group("browser")

#: Colour and background of everything that holds text.
COLOURS = """() => [...document.querySelectorAll("section, .note, .badge, th, td, .chip, .count")].map((element) => {
  let back = element;
  while (getComputedStyle(back).backgroundColor === "rgba(0, 0, 0, 0)") back = back.parentElement;
  return [getComputedStyle(element).color, getComputedStyle(back).backgroundColor];
})"""

HOSTILE = "<img src=x onerror=alert(1)></script><script>window.hacked=1</script>"


def _chromium() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return os.environ.get("COSOLVE_CHROMIUM") or next((path for name in names if (path := shutil.which(name))), None)


@pytest.fixture(scope="module")
def browser():
    path = _chromium()
    if path is None:
        pytest.skip("no Chromium here: install the package chromium, or set COSOLVE_CHROMIUM to its path")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def show(browser, tmp_path):
    """Opens HTML text from a file; fails at the end if the page complained or asked for anything."""
    contexts, complaints = [], []

    def open_page(text: str, *, width: int = 1400, scheme: str = "light"):
        path = tmp_path / f"page{len(contexts)}.html"
        path.write_text(text, encoding="utf-8")
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: request.url == path.as_uri() or complaints.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector("table.runs tbody tr")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="module")
def many():
    return synthetic_records(300)


@pytest.fixture(scope="module")
def many_page(many):
    return render(collect({Path("run.jsonl"): many}), title="Many")


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """Page of a run that took place, with drawings."""
    path = solved_run(tmp_path_factory.mktemp("real"))
    return Report.load([path], title="Real").html()


def column(page, title: str) -> list[str]:
    """Texts of a column of the table of runs, as far as it is in view."""
    return page.evaluate(
        """(title) => {
          const heads = [...document.querySelectorAll("table.runs thead th")];
          const position = heads.findIndex((head) => head.textContent === title);
          const rows = document.querySelectorAll("table.runs tbody tr:not(.detail)");
          return [...rows].map((row) => row.children[position].textContent.trim());
        }""",
        title,
    )


def number(text: str) -> float:
    """Value of a cell; what is missing comes last."""
    digits = re.sub(r"[^0-9.\-]", "", text.replace("−", "-"))
    return float(digits) if digits.strip("-") else float("inf")


def head(page, title: str):
    return page.locator("table.runs thead th").filter(has_text=re.compile(rf"^{title}$"))


def milliseconds(page, script: str) -> float:
    """Time that a script takes in the page, layout included."""
    timed = f"const start = performance.now(); {script}; document.body.offsetHeight; return performance.now() - start;"
    return page.evaluate(f"() => {{ {timed} }}")


# -- loading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 400)])
def test_the_page_loads_in_both_schemes_and_on_a_phone(show, many_page, scheme, width):
    """Every chart is there, nothing lies outside the window, and text can be read on its background."""
    page = show(many_page, width=width, scheme=scheme)
    for place in ("curves-plot", "scatter-plot", "gap-profile-plot", "time-profile-plot", "ranking-plot"):
        assert page.locator(f"#{place} svg.chart").count() == 1, place
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    colours = page.evaluate(COLOURS)
    worst = min(contrast(*pair) for pair in {tuple(pair) for pair in colours})
    assert worst >= 4.5  # WCAG 2.2, level AA
    is_dark = luminance(page.evaluate("getComputedStyle(document.body).backgroundColor")) < 0.2
    assert is_dark == (scheme == "dark")


def luminance(colour: str) -> float:
    """Relative luminance after WCAG 2.2."""
    channels = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_names_in_the_data_never_become_markup(show, many):
    """A hostile instance file must not run code in the browser of whoever reads the report."""
    records = [
        replace(r, case=HOSTILE + r.case, message=HOSTILE, solver=HOSTILE + r.solver, group=HOSTILE) for r in many[:60]
    ]
    page = show(render(collect({Path("x.jsonl"): records}), title=HOSTILE))
    for button in page.locator("button.opener").all()[:3]:
        button.click()
    page.locator("#scatter-plot svg").hover(position={"x": 300, "y": 200})
    page.wait_for_timeout(200)
    assert page.evaluate("window.hacked === undefined")
    assert page.locator("img").count() == 0
    assert page.title() == HOSTILE
    assert any(HOSTILE in text for text in column(page, "Instance"))


# -- the table of runs ------------------------------------------------------------------------------------------------


def test_a_click_on_a_head_sorts_and_another_turns_it_round(show, many_page):
    """Numbers by value, missing ones last both ways, and screen readers are told."""
    page = show(many_page)
    for title in ("Gap", "Objective", "Time", "Memory"):
        for direction in ("ascending", "descending"):
            head(page, title).get_by_role("button").click()
            assert head(page, title).get_attribute("aria-sort") == direction
            assert page.locator("th[aria-sort=ascending], th[aria-sort=descending]").count() == 1
            values = [number(text) for text in column(page, title) if title != "Memory" or "MiB" in text]
            known = [value for value in values if value != float("inf")]
            assert known == sorted(known, reverse=direction == "descending")
            assert values[: len(known)] == known
    head(page, "Instance").get_by_role("button").click()
    names = column(page, "Instance")
    assert names == sorted(names)


def test_filters_narrow_the_table_together(show, many, many_page):
    """Each filter alone and all at once, against the records themselves."""
    page = show(many_page)
    page.get_by_label("Rows per page").select_option("all")
    page.get_by_label("Problem", exact=True).select_option("tsp")
    page.get_by_label("Group").select_option("hard")
    page.get_by_label("Solver", exact=True).select_option(label="solver-2")
    page.get_by_label("Outcome").select_option("any failure")
    want = [r for r in many if (r.problem, r.group, r.solver) == ("tsp", "hard", "solver-2") and r.failure]
    assert column(page, "Instance") == [r.case for r in want]
    assert set(column(page, "Outcome")) <= {"missing", "crash", "memory", "hang", "error"}
    page.get_by_placeholder("Instance, solver or message").fill("no such thing")
    assert page.get_by_text("No run fits these filters.").is_visible()
    assert page.get_by_role("status").inner_text() == f"0 of {len(many)} runs, 0 failed"


def test_text_is_searched_in_names_and_messages(show, many, many_page):
    """A word of an error message finds its runs."""
    page = show(many_page)
    page.get_by_label("Rows per page").select_option("all")
    page.get_by_placeholder("Instance, solver or message").fill("no such file")
    assert len(column(page, "Instance")) == sum(r.message == "no such file" for r in many)
    page.get_by_placeholder("Instance, solver or message").fill("MIS-0002 solver-1")
    assert len(column(page, "Instance")) == 2  # two seeds


def test_new_bests_and_doubtful_references_are_flagged(show, many, many_page):
    """The two things that a reader must not miss beside a gap."""
    page = show(many_page)
    page.get_by_label("Rows per page").select_option("all")
    assert page.get_by_text("★ new best").count() == sum(r.is_new_best for r in many)
    assert page.locator("td .badge", has_text="doubtful").count() == sum(
        r.reference is not None and bool(r.reference.doubt) for r in many
    )
    page.get_by_label("Outcome").select_option("new best")
    assert len(column(page, "Gap")) == sum(r.is_new_best for r in many)


def test_small_numbers_are_not_shown_as_zero(show):
    """Objectives far below 1, as of costs in other units, all looked equal."""
    record = next(r for r in synthetic_records(10, seed=3) if r.is_feasible)
    objectives = (0.0, 1e-5, -2.34567e-9, 0.25)
    records = [replace(record, key=str(i), seed=i, objective=value) for i, value in enumerate(objectives)]
    page = show(render(collect({Path("run.jsonl"): records}), title="Small"))
    shown = {text.replace("−", "-").split()[0] for text in column(page, "Objective")}
    assert shown == {"0", "0.00001", "-2.346e-9", "0.25"}


def test_pages_turn(show, many_page):
    """Every run can be reached."""
    page = show(many_page)
    first = column(page, "Instance")
    assert len(first) == 50
    assert page.get_by_role("button", name="Previous").is_disabled()
    page.get_by_role("button", name="Next").click()
    assert page.get_by_text("Page 2 of 6").is_visible()
    assert column(page, "Instance") != first


def test_rows_open_and_close_by_keyboard(show, many_page):
    """Whoever uses no mouse reads the same report."""
    page = show(many_page)
    page.locator("button.opener").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    opened = page.locator("button.opener").nth(1)
    assert opened.get_attribute("aria-expanded") == "true"
    assert page.locator("tr.detail").count() == 1
    assert page.locator("tr.detail dt").first.is_visible()
    page.keyboard.press("Enter")
    assert page.locator("tr.detail").count() == 0


# -- details and charts -----------------------------------------------------------------------------------------------


def test_a_clicked_row_shows_the_drawing_of_its_instance(show, real):
    """The picture is what people look at first; here one of each kind, from solutions of a real run."""
    page = show(real)
    for name in ("tsp-small", "cvrp-small", "mis-small"):
        row = page.locator("tbody tr:not(.detail)").filter(has_text=name)
        row.locator("td").nth(3).click()
        drawing = page.locator("tr.detail .drawing svg")
        drawing.wait_for()
        box = drawing.bounding_box()
        assert box["width"] > 200
        assert box["height"] > 150
        assert page.locator("tr.detail .chart").count() == 1
        row.locator("button.opener").click()


def test_a_failed_run_tells_its_reason(show, many, many_page):
    """The message is in the page, not only in the file."""
    page = show(many_page)
    page.get_by_label("Outcome").select_option("crash")
    page.locator("button.opener").first.click()
    assert "crash: ended by crash" in page.locator("tr.detail").inner_text()


def test_a_mark_of_the_scatter_opens_its_run(show, many_page):
    """From the outlier in the picture to the run is one click."""
    page = show(many_page)
    page.get_by_label("Outcome").select_option("crash")  # lifted if it hides the run
    x, y = page.evaluate(
        """() => {
          const outline = document.querySelector("#scatter-plot .mark").getAttribute("d");
          return outline.match(/^M([\\d.]+),([\\d.]+)/).slice(1).map(Number);
        }"""
    )
    page.locator("#scatter-plot svg").click(position={"x": x + 3, "y": y})
    page.locator("tr.detail").wait_for()
    assert page.locator("button.opener[aria-expanded=true]").count() == 1


def test_a_solver_can_be_taken_out_of_the_charts(show, many_page):
    """Ten curves on one another are read one by one."""
    page = show(many_page)
    curves = page.locator("#curves-plot path.curve")
    assert curves.count() == 5
    page.get_by_role("button", name="solver-3").click()
    # Not wait_for_function: once it has to wait, it evaluates a string, which the page's policy forbids.
    playwright.expect(curves).to_have_count(4)
    assert page.get_by_role("button", name="solver-3").get_attribute("aria-pressed") == "false"


def test_a_group_is_shown_alone(show, many, many_page):
    """Easy and hard sets are different questions."""
    page = show(many_page)
    page.locator("#scope").select_option(label="tsp / hard")
    assert page.locator("#summary-note").inner_text().startswith("tsp / hard:")
    count = sum((r.problem, r.group) == ("tsp", "hard") for r in many)
    assert page.get_by_role("status").inner_text().startswith(f"{count:,} of {len(many)} runs")


def test_reading_lines_show_values(show, many_page):
    """A curve without numbers can't be quoted."""
    page = show(many_page)
    page.locator("#curves-plot svg").hover(position={"x": 300, "y": 100})
    text = page.locator(".tip").inner_text()
    assert "solver-0" in text
    assert "%" in text


# -- speed ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_many_records_stay_usable(show, count):
    """Sorting and filtering are felt as immediate below 100 ms; asserted loosely, since machines differ."""
    page = show(render(collect({Path("run.jsonl"): synthetic_records(count)}), title="Many"))
    script = "[...document.querySelectorAll('.runs thead button')].find((b) => b.textContent === '{}').click()"
    field = "const field = document.querySelector('input[type=search]')"
    search = f"{field}; field.value = 'mis solver-1'; field.dispatchEvent(new Event('input'))"
    times = {name: milliseconds(page, script.format(name)) for name in ("Gap", "Instance", "Time")}
    times["search"] = milliseconds(page, search)
    times["open"] = milliseconds(page, "document.querySelector('button.opener').click()")
    print(f"{count} records:", ", ".join(f"{name} {value:.0f} ms" for name, value in times.items()))
    assert max(times.values()) < 2000
