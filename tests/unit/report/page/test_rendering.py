"""How values stand in templates."""

import json
from importlib.resources import files

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from equimodal.report.charts.chart_numbers import Table
from equimodal.report.page.rendering import Section, chart_section, environment, rendered, typeset

CHARTS = {
    "lead": "",
    "explained": "",
    "marks": [],
    "charts": [],
    "kind": "",
    "before": {},
    "after": {},
}


def test_a_hyphen_becomes_a_minus_only_before_a_number():
    assert typeset("-1.2 [-0.3, +2.7]") == "\N{MINUS SIGN}1.2 [\N{MINUS SIGN}0.3, +2.7]"
    assert typeset("amss-2 dus-rl 3-4 -") == "amss-2 dus-rl 3-4 -"


def test_markup_stands_as_it_is():
    assert typeset(Markup("<b>-1</b>")) == "<b>-1</b>"


def test_whatever_stands_in_a_template_is_escaped():
    hostile = '<b>"-1"</b>'
    shown = rendered("section.html", section=Section(hostile, hostile, "charts.html", CHARTS))
    assert "<b>" not in shown
    assert shown.count("&lt;b&gt;&#34;-1&#34;&lt;/b&gt;") == 3


def test_what_a_template_lacks_is_an_error_and_not_left_out():
    with pytest.raises(UndefinedError, match="lead"):
        rendered("section.html", section=Section("a", "a", "charts.html", {}))


def test_a_command_keeps_its_hyphens():
    template = '{% from "parts.html" import code with context %}{{ code(typed) }}'
    shown = environment().from_string(template).render(typed="-1 <a>")
    assert "<code>-1 &lt;a&gt;</code>" in shown


def test_script_data_holds_no_sign_that_ends_it():
    given = {"a": "</script><!--&"}
    written = environment().from_string("{{ given|tojson }}").render(given=given)
    assert not set("<>&") & set(written)
    assert json.loads(written) == given


def test_script_data_cannot_be_other_than_json():
    with pytest.raises(ValueError, match="not JSON compliant"):
        environment().from_string("{{ nan|tojson }}").render(nan=float("nan"))


def test_a_section_without_charts_and_lines_is_none():
    assert chart_section("a", "A", [None], []) is None
    assert chart_section("a", "A", [], [], before={"t": Table(("x",), ())}) is None
    assert chart_section("a", "A", [], [], after={"t": Table(("x",), [("1",)])}) is not None


def test_the_templates_are_files_of_the_package():
    names = {path.name for path in files("equimodal.report.page").joinpath("templates").iterdir()}
    assert {"page.html", "page.css", "page.js", "parts.html"} <= names
