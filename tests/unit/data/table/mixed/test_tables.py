"""Numbers and categories as one modality: against scikit-learn's own pipeline, and in doubt."""

import json

import numpy as np
import pytest
import torch
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from equimodal import data
from equimodal.data.table.check.check import check
from equimodal.data.table.check.report import as_json, as_text
from equimodal.errors import DataError
from unit.data.table.tasks import PATIENTS, patient_rows, patients


def told(path):
    return [f"{found.code}: {found.line}" for found in check(path, jobs=1).problems]


def pipeline(train):
    """What anybody would write: medians with marks and standard scores, and one of each category.

    Marks stay 0 and 1, so they are made beside the scores.
    """
    numbers = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), [0, 1]),
        (SimpleImputer(strategy="median", add_indicator=True), [0, 1]),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), [2, 3]),
    )
    return numbers.fit(np.array(train, object))


def as_objects(rows):
    """Numbers with NaN where there is none, and texts."""
    return np.array(
        [[*(float(c) if c else np.nan for c in row[2:4]), *row[4:6]] for row in rows], object
    )


def test_rows_are_those_of_a_scikit_learn_pipeline_fitted_on_training(tmp_path):
    rows = patient_rows()
    source = data.load(str(patients(tmp_path, rows)))
    made = pipeline(as_objects([row for row in rows if row[1] == "train"]))

    for split in ("train", "validation", "test"):
        own = [row for row in rows if row[1] == split and any(row[2:6])]
        expected = made.transform(as_objects(own)).astype(np.float64)
        expected = np.delete(expected, [2, 3], axis=1)  # the filled numbers, not in scores
        found = getattr(source, split)
        patient = found.inputs["patient"][torch.arange(len(found))].numpy()
        there = found.present[:, 0].numpy()
        np.testing.assert_allclose(patient[there], expected, rtol=1e-5, atol=1e-5)
    assert source.modalities["patient"].kind == "vector"


def test_a_value_that_training_lacks_is_told_and_stands_at_no_place(tmp_path):
    rows = patient_rows()
    place = next(i for i, row in enumerate(rows) if row[1] == "test")
    rows[place][2:6] = ["30", "120", "f", "D"]
    path = patients(tmp_path, rows)

    found = check(path, jobs=1)

    assert found.problems == []
    assert [f.line for f in found.warnings if f.code == "unknown"] == [
        f"row {place + 2}, patient: 'D' in 'ward' is in no training row"
    ]
    row = data.load(str(path)).test.inputs["patient"][torch.tensor([0])][0]
    assert row[-4:].tolist() == [0, 0, 0, 0] and row[-7:-4].sum() == 1


def test_the_rarest_values_share_a_place_with_the_unknown_ones(tmp_path):
    rows = patient_rows()
    for k, row in enumerate(rows):
        row[5] = "D" if k < 3 else "E" if k < 5 else row[5] or "A"
    declared = PATIENTS.replace("{kind: table", "{kind: table, most: 4")
    source = data.load(str(patients(tmp_path, rows, declared)))

    (_, ward) = source.settings["modalities"]["patient"]["categories"]
    assert ward == {"name": "ward", "values": 3, "others": True, "marked": False}
    train = source.train.inputs["patient"][torch.arange(len(source.train))]
    assert train[:, -1].sum() == sum(row[5] in "DE" for row in rows if row[1] == "train")


def test_an_empty_cell_is_refused_unless_it_is_declared(tmp_path):
    rows = [[*row[:2], *(c or "1" for c in row[2:4]), *(c or "f" for c in row[4:])]
            for row in patient_rows()]  # fmt: skip
    rows[7][3] = ""
    path = patients(tmp_path, rows, PATIENTS.replace("missing: allow\n", ""))

    assert told(path) == [
        "cell: row 9, patient: is empty in 'pressure'; if samples may lack it, write "
        "`missing: allow` in the YAML"
    ]


def test_a_column_that_looks_numeric_is_a_question(tmp_path):
    declared = PATIENTS.replace("numbers: [age, pressure], categories: [sex, ward]",
                                "columns: [age, pressure, sex, ward]")  # fmt: skip
    said = told(patients(tmp_path, patient_rows(), declared))

    assert [line[:30] for line in said] == ["undeclared: patient: 'age' hol"
                                            , "undeclared: patient: 'pressure"]  # fmt: skip
    assert "numbers, or codes of categories ('" in said[0]
    assert "write numbers: [age] or categories: [age] in the YAML" in said[0]
    mixed = declared.replace("columns:", "numbers: [pressure], categories: [age], columns:")
    assert told(patients(tmp_path, patient_rows(), mixed)) == []


@pytest.mark.parametrize("kind", ["{:d} kg", "{:d}%", "2024-01-{:02d}", "00{:d}", "nan"])
def test_what_begins_as_a_number_is_a_question_too(tmp_path, kind):
    rows = [[*row[:5], kind.format(k % 9 + 1), row[6]] for k, row in enumerate(patient_rows())]
    declared = PATIENTS.replace("categories: [sex, ward]", "columns: [sex, ward]")
    assert any("undeclared: patient: 'ward'" in line
               for line in told(patients(tmp_path, rows, declared)))  # fmt: skip


def test_words_that_hardly_repeat_are_a_question(tmp_path):
    rows = [[*row[:5], f"somebody{k}", row[6]] for k, row in enumerate(patient_rows())]
    declared = PATIENTS.replace("categories: [sex, ward]", "columns: [sex, ward]")
    (said,) = told(patients(tmp_path, rows, declared))
    assert "'ward' holds words that hardly repeat ('somebody0')" in said


@pytest.mark.parametrize(("column", "cell", "line"), [
    (2, "n/a", "unreadable: row 2, patient: 'n/a' in 'age' is no number; leave the cell empty"),
    (2, "inf", "unreadable: row 2, patient: 'inf' in 'age' is no number"),
    (2, "3 4", "unreadable: row 2, patient: '3 4' in 'age' is no number"),
    (3, "1,5", "decimal: row 2, patient: '1,5' in 'pressure' is one number with a decimal comma"),
    (4, "F", "typo: row 2, patient: the value of 'sex', 'F' (1 times) looks like 'f'"),
    (5, "None", "placeholder: row 2, patient: a cell of 'ward' is 'None' (1 times)"),
])  # fmt: skip
def test_a_cell_in_doubt_is_named(tmp_path, column, cell, line):
    rows = patient_rows()
    rows[0][column] = cell
    assert any(said.startswith(line) for said in told(patients(tmp_path, rows)))


def test_a_column_that_is_empty_in_training_is_refused(tmp_path):
    rows = [[*row[:3], "" if row[1] == "train" else "120", *row[4:]] for row in patient_rows()]
    assert "split: patient: 'pressure' is empty in all samples of train" in told(
        patients(tmp_path, rows)
    )


def test_a_column_that_tells_the_label_is_named(tmp_path):
    rows = [[*row[:5], {"cat": "A", "dog": "B"}[row[0]], row[6]] for row in patient_rows()]
    (said,) = told(patients(tmp_path, rows))
    assert said.startswith("tells-label: patient: the label can be read off 'ward'")


def test_times_since_1970_keep_their_digits(tmp_path):
    rows = patient_rows()
    for k, row in enumerate(rows):
        row[3] = str(1_700_000_000 + k)
    source = data.load(str(patients(tmp_path, rows)))

    own = source.train.inputs["patient"][torch.arange(len(source.train))][:, 1]
    assert source.settings["modalities"]["patient"]["digits"] == "double"
    there = source.train.present[:, 0]
    assert len(own[there].unique()) == int(there.sum())


def test_the_check_tells_what_fills_and_how_many_values(tmp_path):
    report = check(patients(tmp_path, patient_rows()), jobs=1)

    assert "  numbers: age (empty: " in as_text(report)
    assert "  categories: sex (2 values, empty ones marked), ward (3 values" in as_text(report)
    settings = json.loads(json.dumps(as_json(report)))["modalities"]["patient"]["settings"]
    assert settings["categories"][0] == {
        "name": "sex", "values": 2, "others": False, "marked": True
    }  # fmt: skip


@pytest.mark.parametrize(("entry", "said"), [
    ("{kind: table}", "must name its column"),
    ("{kind: table, columns: [a, a]}", "names 'a' twice"),
    ("{kind: table, numbers: [a], categories: [a]}", "names 'a' twice"),
    ("{kind: table, numbers: a}", "must be a list of columns"),
    ("{kind: table, numbers: [1]}", "must be a list of columns"),
    ("{kind: text, columns: [a, b]}", "only kind: numbers and kind: table may"),
    ("{kind: table, numbers: [nowhere]}", "no column 'nowhere'"),
])  # fmt: skip
def test_a_declaration_that_says_too_little_or_two_things_is_refused(tmp_path, entry, said):
    path = patients(tmp_path, patient_rows(12), f"modalities:\n  patient: {entry}\n  smell: {{}}\n")
    with pytest.raises(DataError, match=said):
        check(path, jobs=1)
