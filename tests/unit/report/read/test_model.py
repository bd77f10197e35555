"""The line that says which model was trained, and where it stands."""

import shlex

import pytest

from equimodal.report.document import markdown
from equimodal.report.page.provenance import command, facts
from equimodal.report.page.sections import plan, ranks
from equimodal.report.read.findings import findings
from equimodal.report.read.model import is_default, model_line
from equimodal.report.read.schema import check
from equimodal.report.terminal import table

MODEL = {"encoders": {"image": "resnet18"}, "fusion": "film"}


@pytest.fixture
def other(results):
    results["config"] |= MODEL
    return results


def test_a_line_names_every_encoder_asked_for_or_those_that_are_not_small():
    assert model_line(MODEL, ["sound", "image"]) == (
        "sound by small, image by resnet18; fusion film"
    )
    assert model_line(MODEL) == "image by resnet18; fusion film"
    assert model_line({"fusion": "sum"}) == "fusion sum"
    assert is_default({}) and not is_default(MODEL) and not is_default({"fusion": "sum"})


def test_results_of_another_model_are_of_the_schema_and_named_wherever_they_are_shown(other):
    check(other)
    assert "image by resnet18; fusion film" in " ".join(plan(other))
    assert "image by resnet18; fusion film" in str(table(other, width=160).caption)
    said = dict(facts(other))
    assert said["Model"] == "sound by small, image by resnet18; fusion film"
    assert "with the features of the other modalities at zero" in said["Inside the model"]
    words = shlex.split(command(other))
    assert words[words.index("--encoder") + 1] == "image=resnet18"
    assert words[words.index("--fusion") + 1] == "film"


def test_a_row_with_another_model_is_named_wherever_rows_are_compared(build_results):
    results = build_results(rows=["joint", "joint+unimodal", "mmcosine"], seeds=range(5))
    results["config"]["own_fusions"] = {"mmcosine": "cosine"}
    check(results)
    assert not is_default(results["config"])
    line = "fusion concat; mmcosine has the fusion cosine"
    assert line in " ".join(plan(results)) and line in str(table(results, width=160).caption)
    told = "mmcosine (fusion cosine) trained another model than the rest (fusion concat)"
    assert told in findings(results)["Read with care"] and told in markdown(results)
    assert told in ranks(results).content["explained"]
    assert dict(facts(results))["Inside the model"].endswith("its exact part of the logits")
    results["config"]["fusion"] = "film"
    said = dict(facts(results))["Inside the model"]
    assert "where the fusion is cosine, else the head" in said


def test_a_default_model_is_told_among_the_facts_alone(results):
    assert "fusion" not in " ".join(plan(results))
    assert "fusion" not in str(table(results, width=160).caption)
    assert dict(facts(results))["Model"] == "sound by small, image by small; fusion concat"
    assert "exact part" in dict(facts(results))["Inside the model"]
    assert "--encoder" not in command(results)
