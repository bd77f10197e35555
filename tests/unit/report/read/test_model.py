"""The line that says which model was trained, and where it stands."""

import shlex

import pytest

from equimodal.report.page.provenance import command, facts
from equimodal.report.page.sections import plan
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


def test_a_default_model_is_told_among_the_facts_alone(results):
    assert "fusion" not in " ".join(plan(results))
    assert "fusion" not in str(table(results, width=160).caption)
    assert dict(facts(results))["Model"] == "sound by small, image by small; fusion concat"
    assert "exact part" in dict(facts(results))["Inside the model"]
    assert "--encoder" not in command(results)
