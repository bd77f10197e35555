"""The diagnosis on the page: verdict, what the model relies on, gradients, samples."""

from __future__ import annotations

import json
import re

import pytest

from equimodal.errors import BalanceError
from equimodal.report import is_kept, keep, renew, write_page
from equimodal.report.charts.curve_charts import gradient_charts
from equimodal.report.charts.figures import MOST
from equimodal.report.charts.reliance_charts import (
    class_reliance_chart,
    drop_table,
    interaction_table,
    overall_chart,
)
from equimodal.report.kept.diagnosis_store import keep_diagnosis
from equimodal.report.page.page import Found, page
from equimodal.report.page.sample_section import reliance
from equimodal.report.page.verdict_section import verdict
from equimodal.report.read.diagnosis import (
    DIAGNOSIS,
    contributions,
    entry,
    estimate,
    read_diagnosis,
    texts,
)
from equimodal.report.read.history import read_history
from unit.report.synthetic import (
    make_diagnosis,
    section_text,
    without_differences,
    write_predictions,
)

HOSTILE = "</script><img src=x onerror=alert(1)>"


@pytest.fixture
def diagnosis(results):
    return make_diagnosis(results)


@pytest.fixture
def diagnosed(folder, results, diagnosis):
    """A folder with predictions, samples and a diagnosis; its page."""
    write_predictions(folder, results)
    (folder / DIAGNOSIS).write_text(json.dumps(diagnosis))
    shown = {"schema": "equimodal.samples/1", "seed": 0, "samples": [{"index": 3, "shown": {}}]}
    (folder / "samples.json").write_text(json.dumps(shown))
    return write_page(folder).read_text(encoding="utf-8")


def words(source: str) -> str:
    return " ".join(re.sub("<[^>]*>", " ", source).split())


def test_the_verdict_stands_first_with_its_words_and_how_sure_it_is(results, diagnosis):
    told = words(section_text(verdict(results, diagnosis)))
    assert told.startswith("The verdict under-trained: sound (not sure, 90 %)")
    assert "well trained (not sure, 90 %)" in told
    assert "linear probe 57.0 %, 72.0 trained alone, 45.0 untrained" in told
    assert "lost 15.0 [13.0, 17.0] points" in told


def test_costs_and_advice_are_told_and_nothing_is_promised(results, diagnosis):
    told = words(section_text(verdict(results, diagnosis)))
    assert "joint+unimodal 96.0 [94.0, 98.0] +4.0 [+2.0, +6.0]" in told
    assert "joint+unimodal a loss for each modality" in told
    assert "apart from methods look at its data" in told
    assert "amss updates fewer units; to be held against amss-fixed, amss-x" in told
    assert "None of them is promised to help" in told
    assert "a note on the diagnosis" in told


def test_nothing_lost_has_no_sign(results, diagnosis):
    nothing = {"value": -0.0002, "low": -0.0004, "high": -0.0001}
    for found in diagnosis["verdict"]["modalities"].values():
        found["probe"]["lost"] = nothing
    for rival in diagnosis["verdict"]["cost"]["ahead"].values():
        rival["difference"] = nothing
    diagnosis["measures"]["shapley"]["interaction"]["accuracy"][0] |= nothing
    told = page(without_differences(results), Found(diagnosis=diagnosis))
    assert "lost 0.0 [0.0, 0.0] points" in told
    assert not re.search("[-\N{MINUS SIGN}]0\\.0[^0-9]", told)


def test_without_references_there_is_no_verdict_and_the_page_says_so(results, diagnosis):
    line = "no verdict: nothing can be said of sound and image"
    diagnosis["verdict"] |= {"state": "no verdict", "sure": None, "headline": line}
    for found in diagnosis["verdict"]["modalities"].values():
        why = "no verdict: it was not trained alone"
        found |= {"word": "no verdict", "told": why, "probe": {"fused": None, "alone": None}}
    diagnosis["advice"] = []
    told = words(section_text(verdict(results, diagnosis)))
    assert told.startswith(f"The verdict {line}")
    assert "sound no verdict no verdict: it was not trained alone" in told
    assert "promised" not in told


def test_other_states_are_told_in_their_own_words(results, diagnosis):
    diagnosis["verdict"]["headline"] = "balanced: nothing to mend (sure, 97 %)"
    assert "balanced: nothing to mend (sure" in words(section_text(verdict(results, diagnosis)))


def test_shapley_values_are_drawn_in_points_with_their_intervals(results, diagnosis):
    drawn = overall_chart(results, diagnosis)
    (bar,) = drawn.panels[0].marks["sound"]
    assert (bar.kind, bar.value) == ("bar", pytest.approx(20))
    assert (bar.low, bar.high) == pytest.approx((18, 22))
    assert drawn.rows == ["image", "sound"]
    assert drawn.table.lines[0] == ("sound", "+20.0", "+18.0 to +22.0")


def test_classes_without_a_sample_are_not_drawn_but_stand_in_the_table(results, diagnosis):
    drawn = class_reliance_chart(results, diagnosis)
    assert drawn.rows == ["0"]
    assert drawn.table.lines[1] == ("1", "-", "-")


def test_of_many_classes_those_that_differ_most_are_drawn(results, diagnosis):
    count = MOST + 5
    results["data"]["classes"] = [f"c{i}" for i in range(count)]
    found = {"sound": [0.0] * count, "image": [i / count for i in range(count)]}
    diagnosis["measures"]["shapley"]["per_class"] = found
    drawn = class_reliance_chart(results, diagnosis)
    assert drawn.rows == [f"c{i}" for i in range(5, count)]
    assert drawn.title == f"What every class rests on, {MOST} of {count}"


def test_an_interaction_below_zero_is_redundancy_and_above_it_synergy(results, diagnosis):
    told = interaction_table(diagnosis).lines
    assert told == [("sound and image", "-10.0 [-12.0, -8.0]", "redundancy: they tell the same")]
    pair = {"pair": ["a", "b"], "value": 0.2, "low": 0.1, "high": 0.3}
    pairs = [pair, pair | {"low": -0.1}]
    diagnosis["measures"]["shapley"]["interaction"]["accuracy"] = pairs
    meanings = [line[2] for line in interaction_table(diagnosis).lines]
    assert meanings == ["synergy: they need each other", "neither is shown"]


def test_drops_stand_by_modality(results, diagnosis):
    found = drop_table(results, diagnosis)
    assert found.headings == ("modality", "removed, points lost", "shuffled, points lost")
    assert found.lines == [("sound", "20.0", "20.0"), ("image", "60.0", "60.0")]


def test_measures_that_are_absent_leave_their_parts_out(results):
    empty = {"schema": "equimodal.diagnosis/2"}
    assert overall_chart(results, empty) is None
    assert class_reliance_chart(results, empty) is None
    assert reliance(results, empty) is None
    assert reliance(results, None) is verdict(results, None) is None
    assert "no verdict" in section_text(verdict(results, empty))


@pytest.mark.parametrize(
    "damaged",
    [
        {"verdict": "no object", "advice": "no list", "notes": 3, "text": None},
        {"verdict": {"modalities": {"sound": None}, "cost": {"ahead": {"x": 1}}}, "advice": [1]},
        {
            "measures": {
                "shapley": {"accuracy": {"sound": {"value": "x"}}, "per_class": {"sound": 1}}
            }
        },
        {"measures": {"shapley": {"interaction": {"accuracy": [1]}}, "drop": {"removed": [1]}}},
    ],
)
def test_parts_of_another_form_do_not_break_the_page(results, damaged):
    content = {"schema": "equimodal.diagnosis/2", **damaged}
    assert "verdict" in section_text(verdict(results, content))
    section_text(reliance(results, content))


@pytest.mark.parametrize("content", ["{", "[]", '{"schema": "equimodal.diagnosis/9"}'])
def test_a_file_that_is_no_diagnosis_is_told_and_left_out(folder, content):
    (folder / DIAGNOSIS).write_text(content)
    found, problem = read_diagnosis(folder)
    assert found is None and DIAGNOSIS in problem
    assert problem in words(write_page(folder).read_text(encoding="utf-8")).replace("&#39;", "'")


def test_no_file_is_no_problem(tmp_path):
    assert read_diagnosis(tmp_path) == (None, None)


def test_values_are_read_only_where_they_are_what_they_should_be():
    assert entry({"a": {"b": 1}}, "a", "b") == 1
    assert entry({"a": 2}, "a", "b") is None
    assert estimate({"value": True}) is None
    assert texts({"a": ["x", 1]}, "a") == ["x", "1"]


def test_contributions_are_those_of_the_seed_and_the_samples(diagnosis):
    assert set(contributions(diagnosis, 0, 60)) == {"sound", "image"}
    assert contributions(diagnosis, 1, 60) == {}
    assert contributions(diagnosis, 0, 61) == {}
    diagnosis["contributions"]["score"]["sound"][0] = None
    assert set(contributions(diagnosis, 0, 60)) == {"image"}


def test_cards_tell_what_the_fused_model_rests_on(diagnosed):
    assert "joint rests on sound +20.0, image +60.0 points" in diagnosed
    assert "relies-1" in diagnosed.partition("<li data-marks=")[2].partition(">")[0]
    assert "joint relies most on" in diagnosed


def test_contributions_of_another_row_are_not_shown(folder, diagnosed, diagnosis):
    diagnosis["source"]["row"] = "dus"
    (folder / DIAGNOSIS).write_text(json.dumps(diagnosis))
    assert "rests on sound" not in write_page(folder).read_text(encoding="utf-8")


def test_the_tiles_of_a_verdict_replace_those_of_the_probes(diagnosed):
    assert diagnosed.count('<div class="meter"') == 2
    assert diagnosed.index("The verdict</h2>") < diagnosed.index("What happened</h2>")


def test_text_from_a_diagnosis_cannot_become_markup(results, diagnosis):
    def spoiled(value):
        if isinstance(value, dict):
            return {key: spoiled(item) for key, item in value.items()}
        if isinstance(value, list):
            return [spoiled(item) for item in value]
        return HOSTILE if isinstance(value, str) else value

    content = spoiled(diagnosis)
    for section in (verdict(results, content), reliance(results, content)):
        assert "<img" not in section_text(section)


def measured(epochs: int) -> list[dict]:
    names = ("score", "gradient_share", "conflict")
    return [
        {"step": e, "epoch": e, "name": name, "values": {"sound": 0.1 * e, "image": None}}
        for e in range(epochs)
        for name in names
    ]


def test_gradients_of_joint_are_drawn_in_full_and_of_other_rows_the_shares(folder, results):
    for run in results["runs"]:
        path = folder / str(run["folder"]) / "records.json"
        if run["method"] in ("joint", "dus", "amss-fixed"):
            records = json.loads(path.read_text()) | {"diagnosis": measured(4)}
            path.write_text(json.dumps(records))
    joint, shares = gradient_charts(results, read_history(folder, results)[0])
    assert [chart.title for chart in joint] == [
        "score of its own prediction",
        "share of the gradient's norm",
        "cosine of fused and own gradient",
    ]
    assert [chart.title for chart in shares] == ["dus"]
    assert joint[0].table.headings == ("epoch", "sound")


def test_a_comparison_is_diagnosed_where_a_verdict_is_possible(
    folder, results, diagnosis, monkeypatch
):
    asked = []
    monkeypatch.setattr(
        "equimodal.report.kept.keeping.keep_samples", lambda *given: asked.append(given)
    )
    monkeypatch.setattr(
        "equimodal.report.kept.keeping.keep_diagnosis", lambda *given: asked.append("diagnosis")
    )
    keep(folder, results, "root")
    assert asked == ["diagnosis", (folder, results, "root")]
    renew(folder, results)
    assert asked[2:] == [(folder, results), "diagnosis"]
    (folder / DIAGNOSIS).write_text(json.dumps(diagnosis))
    (folder / "samples.json").write_text("{}")
    renew(folder, results)
    assert len(asked) == 4


def test_a_comparison_without_one_of_the_modalities_alone_is_not_diagnosed(
    folder, results, monkeypatch
):
    (folder / DIAGNOSIS).write_text("{}")
    (folder / "samples.json").write_text("{}")
    assert is_kept(folder)
    monkeypatch.setattr("equimodal.report.kept.keeping.keep_samples", lambda *_: None)
    monkeypatch.setattr(
        "equimodal.report.kept.keeping.keep_diagnosis", lambda *_: pytest.fail("asked")
    )
    results["runs"] = [run for run in results["runs"] if run["method"] != "alone:sound"]
    keep(folder, results)
    assert not (folder / DIAGNOSIS).exists() and not is_kept(folder)


def test_what_cannot_be_diagnosed_leaves_the_results(folder, results, monkeypatch):
    def refuse(*_):
        raise BalanceError("no")

    monkeypatch.setattr("equimodal.report.kept.keeping.keep_samples", refuse)
    monkeypatch.setattr("equimodal.report.kept.keeping.keep_diagnosis", refuse)
    keep(folder, results)
    assert not (folder / DIAGNOSIS).exists()


def test_the_diagnosis_is_kept_with_the_contributions_of_the_shown_seed(
    folder, results, diagnosis, monkeypatch
):
    write_predictions(folder, results)
    del diagnosis["contributions"]
    by_seed = {
        seed: {"shapley/score/sound": [0.25, 0.123456], "shapley/score/image": [0.5, seed]}
        for seed in (0, 1)
    }
    monkeypatch.setattr("equimodal.diagnosis.stored.reading.read_case", lambda _: "the case")
    monkeypatch.setattr("equimodal.diagnosis.document.document", lambda _: diagnosis)
    monkeypatch.setattr("equimodal.diagnosis.folder.case_contributions", lambda _: by_seed)
    keep_diagnosis(folder, results)
    kept, _ = read_diagnosis(folder)
    score = {"sound": [0.25, 0.1235], "image": [0.5, 0.0]}
    assert kept == {**diagnosis, "contributions": {"seed": 0, "score": score}}
