"""Steps and passes over the data of rows whose epochs are as long as their methods list them."""

import pytest

from equimodal.storage.files import read_json
from equimodal.training.loop import train
from equimodal.training.schedules import cosine_rate
from unit.training.tiny import CONFIG, config

pytestmark = pytest.mark.usefixtures("tiny")
PLAIN = 5  # batches of 16 of the 72 rows


def trained(tmp_path, method, **options):
    folder = tmp_path / "-".join([method, *map(str, options.values())]).replace("/", "-")[:60]
    result = train(config(method=method, **options), folder)
    return result, read_json(folder / "records.json")["curves"]


@pytest.mark.parametrize("row", ["joint", "alone:b", "dus", "untrained"])
def test_a_row_of_plain_epochs_takes_as_many_steps_and_passes_as_they_say(row, tmp_path):
    result, curves = trained(tmp_path, row)
    epochs = 0 if row == "untrained" else CONFIG.epochs
    assert result["steps"] == epochs * PLAIN
    # Every modality of an unpaired batch has 16 rows, the last batch as well.
    passes = epochs * PLAIN * 16 / 72 if row == "dus" else epochs
    assert result["passes"] == pytest.approx(passes)
    assert [curve["steps"] for curve in curves] == [PLAIN] * epochs


def test_a_row_that_lists_more_rows_says_so_and_ends_its_schedule_as_the_others(tmp_path):
    result, curves = trained(tmp_path, "smv", settings={"warm_up": 0.0})
    steps = [curve["steps"] for curve in curves]
    assert result["steps"] == sum(steps) > CONFIG.epochs * PLAIN
    assert result["passes"] == pytest.approx(sum(curve["rows"] for curve in curves) / 72)
    assert result["passes"] > CONFIG.epochs
    for epoch, (curve, count) in enumerate(zip(curves, steps, strict=True)):
        progress = (epoch + (count - 1) / count) / CONFIG.epochs
        assert curve["lr"] == pytest.approx(cosine_rate(CONFIG.lr, progress))


@pytest.mark.parametrize("method", ["smv", "remix", "bss", "bss-learned"])
def test_nominal_steps_are_those_of_joint(method, tmp_path):
    own = {} if method.startswith("bss") else {"settings": {"warm_up": 0.0}}
    result, curves = trained(tmp_path, method, steps="nominal", **own)
    assert [curve["steps"] for curve in curves] == [PLAIN] * CONFIG.epochs
    assert result["steps"] == CONFIG.epochs * PLAIN
    assert result["acted"]


def test_a_curriculum_takes_fewer_steps(tmp_path):
    result, curves = trained(tmp_path, "bss", settings={"growth": 1.0})
    assert [curve["rows"] for curve in curves] == [36, 51, 62, 72]
    assert [curve["steps"] for curve in curves] == [3, 4, 4, 5]
    assert result["steps"] == 16
    assert result["passes"] == pytest.approx(221 / 72)
