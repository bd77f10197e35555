"""Models of tables with numbers and categories, and of tables with empty cells."""

import math
import shutil

import numpy as np
import pytest
import torch

from equimodal import BalanceError, load
from equimodal.data.presence import PRESENT
from equimodal.saved.export import export
from equimodal.training.prediction import read_arrays
from unit.data.table import tasks
from unit.saved.conftest import edited, model_of


def test_a_model_of_a_table_predicts_what_its_run_kept(hospital, tmp_path):
    folder, rows, run = hospital
    table = tasks.patients(tmp_path, [row for row in rows if row[1] == "test"])

    found = load(folder / "model").predict(table)

    kept = read_arrays(folder / run.folder)
    assert any("" in row[2:6] for row in rows if row[1] == "test")
    assert torch.equal(found.logits, torch.from_numpy(kept["test_logits"]))


def test_new_rows_may_lack_other_cells_and_hold_other_values(hospital):
    model = load(hospital[0] / "model")
    cells = {"age": ["30", "", "x", ""], "pressure": ["", "120", "120", ""],
             "sex": ["f", "other", "f", ""], "smell": ["1 2 3"] * 4}  # fmt: skip

    found = model.predict(cells)  # the column ward is not there

    assert found.problems == {
        2: "patient: 'x' in 'age' is no number; leave the cell empty where there is none"
    }
    ward = "patient: ward"
    assert found.missing == {0: ["patient: pressure", ward], 1: ["patient: age", ward], 2: [ward],
                             3: ["patient"]}  # fmt: skip
    assert found.logits[[0, 1, 3]].isfinite().all()


def test_numbers_may_be_arrays_with_nan_where_there_is_none(hospital):
    model = load(hospital[0] / "model")
    rest = {"sex": ["f", "m"], "ward": ["A", ""], "smell": ["1 2 3", "3 2 1"]}
    ages, pressures = np.array([30.0, np.nan]), np.array([120.5, 99.0])

    found = model.predict({"age": ages, "pressure": pressures, **rest})

    cells = {"age": ["30", ""], "pressure": ["120.5", "99"], **rest}
    assert torch.equal(found.logits, model.predict(cells).logits)


def test_a_row_that_may_lack_nothing_is_refused_where_one_cell_is_empty(tmp_path):
    rows = [[cell or "1" for cell in row[:4]] + [cell or "f" for cell in row[4:]]
            for row in tasks.patient_rows()]  # fmt: skip
    tasks.patients(tmp_path, rows, tasks.PATIENTS.replace("missing: allow\n", ""))
    model_of(tmp_path)

    cells = {"age": ["30"], "pressure": [""], "sex": ["f"], "ward": ["A"], "smell": ["1 2 3"]}

    assert load(tmp_path / "model").predict(cells).problems == {0: "patient: is empty"}


@pytest.mark.parametrize(("edit", "said"), [
    (lambda s: s["numbers"][0].update(fill="1"), "fill|number"),
    (lambda s: s["numbers"][0].update(marked=1), "must be"),
    (lambda s: s["numbers"][0].update(name="pressure"), "settings must be of"),
    (lambda s: s["numbers"].pop(), "settings must be of"),
    (lambda s: s["numbers"][0].pop("fill"), "fill"),
    (lambda s: s.update(numbers=[3]), "must be a list of columns"),
    (lambda s: s["categories"][0].update(values=[1]), "must be a text"),
    (lambda s: s["categories"][0].update(values=["f", "f"]), "must differ"),
    (lambda s: s.pop("categories"), "its categories, which is missing"),
    (lambda s: s["categories"][0].update(values=["x"] * 100_001), "at most 100,000 words"),
    (lambda s: s.update(more="x"), "more"),
])  # fmt: skip
def test_an_edited_description_of_a_table_is_refused(hospital, tmp_path, edit, said):
    shutil.copytree(hospital[0] / "model", tmp_path / "model")
    edited(tmp_path / "model", lambda c: edit(c["table"]["columns"]["patient"]["settings"]))

    with pytest.raises(BalanceError, match=said):
        load(tmp_path / "model")


def test_more_values_than_the_network_takes_are_one_error(hospital, tmp_path):
    shutil.copytree(hospital[0] / "model", tmp_path / "model")

    def longer(content):
        settings = content["table"]["columns"]["patient"]["settings"]
        settings["categories"][0]["values"].append("x")

    edited(tmp_path / "model", longer)

    cells = {"age": ["30"], "pressure": ["1"], "sex": ["f"], "ward": ["A"], "smell": ["1 2 3"]}
    with pytest.raises(BalanceError, match="an array of another shape than the model's"):
        load(tmp_path / "model").predict(cells)


def test_an_exported_model_takes_rows_that_lack_a_modality(hospital, tmp_path):
    folder, rows, _ = hospital
    for k, row in enumerate(rows):
        if k % 3:
            row[2:7] = ["", "", "", "", row[6]] if k % 3 == 1 else [*row[2:6], ""]
    table = tasks.patients(tmp_path, [row for row in rows if any(row[2:])])
    model, path = load(folder / "model"), tmp_path / "m.pt2"

    export(model, folder / "model", path, format="pt2", rows=table)

    inputs = model.inputs(table)
    assert list(inputs) == ["patient", "smell", PRESENT]
    assert inputs[PRESENT].any(0).all() and not inputs[PRESENT].all(0).any()
    logits, chances = torch.export.load(path).module()(*inputs.values())
    found = model.predict(table)
    torch.testing.assert_close(logits, found.logits, rtol=0, atol=1e-4)
    torch.testing.assert_close(chances, found.probabilities, rtol=0, atol=1e-4)


@pytest.mark.parametrize("made", [tasks.multi_label, tasks.regression])
def test_an_exported_model_says_what_its_task_asks_for(tmp_path, made):
    table = made(tmp_path)
    (tmp_path / "my.yaml").write_text(table.with_suffix(".yaml").read_text())
    (tmp_path / "my.csv").write_text(table.read_text())
    model_of(tmp_path)
    model, path = load(tmp_path / "model"), tmp_path / "m.pt2"

    export(model, tmp_path / "model", path, format="pt2")

    inputs = model.inputs(tmp_path / "my.csv")
    _, said = torch.export.load(path).module()(*inputs.values())
    found = model.predict(tmp_path / "my.csv")
    own = found.probabilities if made is tasks.multi_label else found.numbers.float()
    scale = max(model.target.scale, default=1)
    torch.testing.assert_close(said, own, rtol=0, atol=1e-4 * scale)


def test_inputs_of_a_row_that_cannot_be_read_are_refused_by_its_place(hospital):
    model = load(hospital[0] / "model")
    with pytest.raises(BalanceError, match="Row 2 cannot be read: smell: 'x' is no number"):
        model.inputs({"age": ["1", "2"], "smell": ["1 2 3", "x"]})
    assert math.isfinite(model.inputs({"age": ["1"], "smell": ["1 2 3"]})["smell"].sum())
