"""From a table of each task to its results, its page, its diagnosis, its model and predictions."""

import csv
import json
import shutil

import numpy as np
import pytest
import torch

import equimodal
from equimodal import report
from equimodal.cli.main import main
from equimodal.comparison.outcome.judged import read_judged
from equimodal.data.target import SCORES_BY_TASK
from equimodal.errors import BalanceError
from equimodal.measures.scoring import SCORES
from unit.data.table import tasks
from unit.saved.conftest import edited

ROWS = ["untrained", "alone:*", "ensemble", "joint", "joint+unimodal", "modality-dropout"]
TASKS = {
    "multi-label": tasks.multi_label,
    "regression": tasks.regression,
    "missing numbers": lambda folder: tasks.regression(folder, lacking=True),
    "missing classes": lambda folder: tasks.classes(folder, lacking=True),
    "weighted": lambda folder: tasks.classes(folder, declared="weight: {dog: 3}\n"),
}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EQUIMODAL_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module", params=TASKS)
def made(request, tmp_path_factory):
    """A table, the folder of its comparison, and its results."""
    folder = tmp_path_factory.mktemp("made")
    patch = pytest.MonkeyPatch()
    patch.setenv("EQUIMODAL_CACHE", str(folder / "cache"))
    table = TASKS[request.param](folder)
    results = equimodal.compare(
        str(table), methods=ROWS, seeds=2, epochs=4, lr=0.1, out=folder / "out", here=True,
        progress=False,
    )  # fmt: skip
    yield request.param, table, folder / "out", results
    patch.undo()


def main_of(results):
    return "score" if "score" in results["data"] else "accuracy"


def test_every_score_of_the_task_is_there_and_the_main_one_selects(made):
    _, _, folder, results = made
    task, main = results["data"].get("task", "classification"), main_of(results)
    assert results["config"]["selection"].startswith("best validation ")
    for run in results["runs"]:
        assert run["status"] == "finished"
        for name in SCORES_BY_TASK[task]:
            assert np.isfinite(run["test"][name])
        if main == "score":
            assert run["test"]["score"] == run["test"][results["data"]["score"]]
        records = folder / run["folder"] / "records.json"
        if run["best_epoch"] is not None and records.exists():
            curve = [c[f"validation_{main}"] for c in json.loads(records.read_text())["curves"]]
            assert run["best_epoch"] == max(k for k, v in enumerate(curve) if v == max(curve))
            assert curve[run["best_epoch"]] == pytest.approx(run["validation"][main])


def test_scores_are_those_of_the_kept_predictions(made):
    _, _, folder, results = made
    for run in results["runs"]:
        judged = read_judged(folder / run["folder"])
        for name, score in SCORES[results["data"].get("task", "classification")].items():
            found = score.value(judged.logits, judged.labels)
            assert found == pytest.approx(run["test"][name], abs=1e-6)


def test_differences_are_of_the_main_score_with_an_interval(made):
    _, _, _, results = made
    main = main_of(results)
    joint, other = (results["summary"][row] for row in ("joint", "joint+unimodal"))
    found = other["difference_to_joint"]
    assert found["mean"] == pytest.approx(other[main]["mean"] - joint[main]["mean"])
    assert found["low"] <= found["mean"] <= found["high"]
    assert joint[main]["low"] < joint[main]["mean"] < joint[main]["high"]


def test_joint_training_learns_more_than_nothing(made):
    _, _, _, results = made
    main = main_of(results)
    best = max(results["summary"][row][main]["mean"] for row in ("joint", "joint+unimodal"))
    assert best > results["summary"]["untrained"][main]["mean"] + 0.1


def test_the_score_by_what_is_present_adds_up(made):
    name, _, _, results = made
    found = results["summary"]["joint"].get("patterns")
    if not name.startswith("missing"):
        assert found is None
        return
    assert set(found) == {"touch + smell", "touch", "smell"}
    assert sum(own["samples"] for own in found.values()) == 2 * results["data"]["sizes"]["test"]
    if name == "missing classes":
        total = sum(own["samples"] * own["mean"] for own in found.values())
        whole = results["summary"]["joint"]["accuracy"]["mean"]
        right = 2 * results["data"]["sizes"]["test"] * whole
        # Both seeds have one split, so that means over seeds have equal weights.
        assert total == pytest.approx(right)
    headings = {c.heading for c in report.read.columns.columns(results) if c.group == "present"}
    assert headings == set(found)


def test_every_row_has_curves_that_begin_at_its_clean_score(made):
    _, _, _, results = made
    main = main_of(results)
    for run in results["runs"]:
        alone = run["method"].startswith("alone:")
        for own in run["robustness"]["scores"].values():
            assert set(own) == ({run["method"][6:]} if alone else {"touch", "smell"})
            assert all(np.isfinite(c).all() and c[0] == run["test"][main] for c in own.values())
    for row, entry in results["summary"].items():
        for own in entry["robustness"]["curves"].values():
            for curve in own.values():
                assert curve["scores"][0]["mean"] == entry[main]["mean"]
                assert curve["relative"]["low"] <= curve["relative"]["high"]
                assert (curve["effective"] is None) == (row == "joint")
    flat = results["summary"]["alone:touch"]["robustness"]["curves"]["noised"]["smell"]
    assert len({one["mean"] for one in flat["scores"]}) == 1


def test_table_page_and_diagnosis_name_the_score(made):
    name, _, folder, results = made
    words = {
        "multi-label": "mean average precision", "weighted": "macro F1",
        "missing classes": "accuracy",
    }.get(name, "R²")  # fmt: skip
    page = (folder / "report.html").read_text()
    assert f"Test {words}" in page
    assert words in report.markdown(results) and words in report.latex(results).replace("\\", "")
    record = next(r for r in report.records(results) if r["row"] == "joint")
    assert record[results["data"].get("score", "accuracy")] is not None
    found = json.loads((folder / "diagnosis.json").read_text())
    told = "\n".join(found["text"])
    score = {"multi-label": "balanced accuracy", "regression": "R²", "missing numbers": "R²"}
    assert f"\n{score.get(name, 'accuracy')} " in told
    assert ("lack one and are left out" in told) == name.startswith("missing")


def test_the_model_folder_predicts_as_in_training(made):
    _, table, folder, results = made
    model = equimodal.load(folder / "model")
    assert model.target.task == results["data"].get("task", "classification")
    found = model.predict(str(table))
    assert found.problems == {}
    best = max(
        (r for r in results["runs"] if r["method"] == model.description.trained["method"]),
        key=lambda r: r["seed"] == model.description.trained["seed"],
    )
    with np.load(folder / best["folder"] / "predictions.npz") as kept:
        test = torch.from_numpy(kept["test_logits"])
    rows = [int((found.logits - row).abs().sum(1).argmin()) for row in test]
    assert torch.allclose(found.logits[rows], test, atol=1e-5)


def test_predictions_and_evaluation_from_the_command_line(made, tmp_path, capsys):
    name, table, folder, results = made
    out = tmp_path / "predictions.csv"
    assert main(["predict", str(folder / "model"), str(table), "--out", str(out)]) == 0
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 90
    if "number" in name or name == "regression":
        heights = np.array([float(row["height"]) for row in rows])
        assert 150 < heights.mean() < 190
    if name.startswith("missing"):
        lacking = [row for row in rows if row["missing"] == "touch"]
        column = "touch: height" if "number" in name else "touch: label"
        assert len(lacking) == 18 and not any(row[column] for row in lacking)
    if name == "multi-label":
        probabilities = [float(rows[0][f"p({label})"]) for label in tasks.LABELS]
        said = [n for n, p in zip(tasks.LABELS, probabilities, strict=True) if p > 0.5]
        assert rows[0]["labels"].split(";") == (said or [""])
    capsys.readouterr()
    line = ["evaluate", str(folder / "model"), str(table), "--json", "--robustness"]
    assert main(line) == 0
    found = json.loads(capsys.readouterr().out)
    first = SCORES_BY_TASK[found["task"]][0]
    for own in found["robustness"]["curves"].values():
        clean = found["scores"][first]["mean"]
        assert all(c["scores"][0]["mean"] == pytest.approx(clean) for c in own.values())
    assert found["judged"] == 90 and found["task"] == results["data"].get("task", "classification")
    assert set(SCORES_BY_TASK[found["task"]]) < set(found["scores"])
    assert ("patterns" in found) == name.startswith("missing")


def test_the_same_comparison_again_has_the_same_numbers(made, tmp_path):
    name, table, folder, _ = made
    again = equimodal.compare(
        str(table), methods=["joint", "modality-dropout"], seeds=1, epochs=4, lr=0.1,
        out=tmp_path / "again", here=True, progress=False,
    )  # fmt: skip
    for run in again["runs"]:
        place = f"{run['folder']}/predictions.npz"
        with np.load(folder / place) as one, np.load(tmp_path / "again" / place) as other:
            assert np.array_equal(one["test_logits"], other["test_logits"]), name


def test_a_method_without_a_meaning_for_the_task_is_refused_by_name(tmp_path):
    table = tasks.regression(tmp_path)
    with pytest.raises(BalanceError, match="PMR does not work for regression"):
        equimodal.compare(str(table), methods=["joint", "pmr"], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_rows_that_nobody_named_are_left_out_with_the_reason(tmp_path):
    table = tasks.regression(tmp_path)
    results = equimodal.compare(
        str(table), methods=["field"], seeds=1, epochs=1, lr=0.02, out=tmp_path / "out", here=True,
        progress=False,
    )  # fmt: skip
    left = results["config"]["left_out"]
    assert "pmr" in left and "classes" not in results["summary"]
    assert "prototypes need one class a sample" in left["pmr"]
    assert not set(left) & set(results["summary"])
    assert all(run["status"] == "finished" for run in results["runs"])
    assert "left out: pmr-fixed and pmr (PMR does not work" in report.markdown(results)


def test_every_row_trains_where_modalities_are_missing(tmp_path):
    table = tasks.classes(tmp_path, lacking=True)
    results = equimodal.compare(
        str(table), methods=["field"], seeds=1, epochs=1, lr=0.02, out=tmp_path / "out", here=True,
        progress=False,
    )  # fmt: skip
    assert {run["status"] for run in results["runs"]} == {"finished"}
    assert "joint" in results["summary"]


def test_the_default_rows_of_missing_modalities_have_what_fits_them(tmp_path):
    from equimodal.comparison.execution import Execution
    from equimodal.comparison.experiment import Experiment
    from equimodal.comparison.plan import loadable, make_plan

    def rows(table, methods=None):
        place = loadable(Experiment(str(table), methods=methods), Execution(progress=False))
        return make_plan(*place).config["methods"]

    assert "modality-dropout" in rows(tasks.classes(tmp_path, lacking=True))
    (tmp_path / "other").mkdir()
    assert "modality-dropout" not in rows(tasks.classes(tmp_path / "other"))
    results = {
        "config": {}, "summary": {"joint": {}},
        "data": {"modalities": {"touch": {"missing": True}}},
    }  # fmt: skip
    (hint,) = report.read.controls.left_out(results)
    assert "modality-dropout" in hint and "--methods" in hint


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The model folders of one short run each, by task."""
    folder = tmp_path_factory.mktemp("models")
    patch = pytest.MonkeyPatch()
    patch.setenv("EQUIMODAL_CACHE", str(folder / "cache"))
    found = {}
    for name in ("multi-label", "regression", "missing classes"):
        (folder / name).mkdir()
        table = TASKS[name](folder / name)
        equimodal.compare(
            str(table), methods=["joint"], seeds=1, epochs=1, out=folder / name / "out", here=True,
            progress=False,
        )  # fmt: skip
        found[name] = folder / name / "out" / "model"
    yield found
    patch.undo()


@pytest.mark.parametrize(
    ("name", "column", "cell", "said"),
    [
        ("multi-label", "tags", "cat;zebra", "'zebra' in row 3 is no label of the model"),
        ("multi-label", "tags", "cat;;dog", "cannot be read: row 3: 'cat;;dog' has nothing"),
        ("regression", "weight", "heavy", "row 3: 'heavy' in 'weight' is no finite number"),
        ("regression", "height", "", "row 3: has no label in 'height'"),
        ("missing classes", "label", "zebra", "'zebra' in row 3 is no class of the model"),
    ],
)
def test_labels_that_a_model_cannot_be_judged_by_are_one_message(
    models, tmp_path, capsys, name, column, cell, said
):
    table = tasks.edited(TASKS[name](tmp_path), column, 1, cell)
    assert main(["evaluate", str(models[name]), str(table)]) != 0
    told = capsys.readouterr().err
    assert said in told and "Traceback" not in told


def test_one_label_column_cannot_stand_for_several(models, tmp_path, capsys):
    table = tasks.regression(tmp_path)
    assert main(["evaluate", str(models["regression"]), str(table), "--label", "height"]) != 0
    assert "the model has 2 of labels: height, weight" in capsys.readouterr().err


def test_a_column_that_is_not_there_is_missing_where_training_allowed_it(models, tmp_path):
    model = equimodal.load(models["missing classes"])
    rows = {"touch": ["1 2 3 4", "", "x"]}
    found = model.predict(rows)
    assert found.missing == {0: ["smell"], 1: ["touch", "smell"], 2: ["smell"]}
    assert found.problems[1] == "has no modality at all" and "x" in found.problems[2]
    assert found.labels[0] in tasks.LABELS and found.alone("smell") == [None] * 3
    whole = equimodal.load(models["regression"])
    with pytest.raises(BalanceError, match="no column 'smell'"):
        whole.predict(rows)


def test_what_a_task_has_not_is_refused(models):
    rows = {"touch": ["1 2 3 4"], "smell": ["1 2 3 4"]}
    numbers = equimodal.load(models["regression"]).predict(rows)
    assert numbers.numbers.shape == (1, 2)
    for name in ("labels", "probabilities"):
        with pytest.raises(BalanceError, match=r"regression; write \.numbers"):
            getattr(numbers, name)
    labels = equimodal.load(models["multi-label"]).predict(rows)
    assert set(labels.labels[0]) <= set(tasks.LABELS)
    with pytest.raises(BalanceError, match=r"multi-label; write \.probabilities"):
        _ = labels.numbers


def test_an_edited_task_of_a_model_folder_is_refused(models, tmp_path):
    for key, value, said in (
        ("task", "ranking", "task must be one of"),
        ("scale", [0.0, 1.0], "scale"),
        ("mean", [1.0], "mean and scale must have 2 numbers"),
    ):
        folder = tmp_path / key
        shutil.copytree(models["regression"], folder)
        edited(folder, lambda content, edit={key: value}: content.update(edit))
        with pytest.raises(BalanceError, match=said):
            equimodal.load(folder)
