"""From a table to a model in use, on the command line alone; and what is refused on the way."""

import csv
import json
import shutil
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from cli.conftest import CREW, here
from equimodal import load
from equimodal.cli.main import main
from unit.data.table import media

HEADER = ("label", "split", "photo", "voice", "body", "said")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a table of images, sounds, numbers and texts, compared on the command line."""
    folder = tmp_path_factory.mktemp("table")
    drawn = np.random.default_rng(0)
    rows = []
    for index in range(60):
        kind = index % 2
        media.png(folder / f"{index}.png", 90 + 50 * kind, seed=index)
        media.wav(folder / f"{index}.wav", 400 + 500 * kind, seed=index)
        body = " ".join(f"{x:.3f}" for x in drawn.normal(kind, 2, 3))
        said = f"I saw {('a cat', 'a dog')[kind]} and {drawn.integers(10**6)} birds"
        split = ("train", "train", "train", "validation", "test")[index // 2 % 5]
        row = [("cat", "dog")[kind], split, f"{index}.png", f"{index}.wav", body, said]
        rows.append(row)
    media.table(folder / "my.csv", rows, HEADER, delimiter=";")
    media.table(folder / "test.csv", [r for r in rows if r[1] == "test"], HEADER, delimiter=";")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("EQUIMODAL_CACHE", str(folder / "cache"))
        patch.setattr(CREW, here)
        line = "compare --data my.csv --methods joint,joint+unimodal --seeds 2 --epochs 2 --out r"
        assert main(line.split()) == 0
    return folder


@pytest.fixture
def there(trained, monkeypatch):
    monkeypatch.chdir(trained)
    return trained


def best(folder):
    """The run with the best validation of the row with the best mean, by results.json."""
    runs = json.loads((folder / "r" / "results.json").read_text())["runs"]
    rows = dict.fromkeys(run["method"] for run in runs)
    scores = {
        row: [r["validation"]["accuracy"] for r in runs if r["method"] == row] for row in rows
    }
    row = max(rows, key=lambda name: sum(scores[name]))
    return max((r for r in runs if r["method"] == row), key=lambda r: r["validation"]["accuracy"])


def test_a_table_becomes_a_model_that_predicts_and_is_judged(there, capsys, tmp_path):
    out = tmp_path / "p.csv"
    assert main(["predict", "r/model", "test.csv", "--out", str(out)]) == 0

    with open(out, newline="") as file:
        rows = list(csv.DictReader(file))
    run = best(there)
    arrays = np.load(there / "r" / run["folder"] / "predictions.npz")
    kept = torch.from_numpy(arrays["test_logits"]).softmax(1)
    assert [[r["p(cat)"], r["p(dog)"]] for r in rows] == [
        [f"{p:.9g}" for p in each] for each in kept.tolist()
    ]
    assert [r["label"] for r in rows] == [("cat", "dog")[k] for k in kept.argmax(1)]
    alone = torch.from_numpy(arrays["test_unimodal_logits"])
    for m, logits in zip(arrays["modalities"], alone, strict=True):
        assert [r[f"{m}: label"] for r in rows] == [("cat", "dog")[k] for k in logits.argmax(1)]

    capsys.readouterr()
    assert main(["evaluate", "r/model", "test.csv", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["scores"]["accuracy"]["mean"] == run["test"]["accuracy"]
    assert found["scores"]["macro_f1"]["mean"] == pytest.approx(run["test"]["macro_f1"])
    for m, value in run["test"]["modality_accuracy"].items():
        assert found["modalities"][m]["accuracy"]["mean"] == value
    assert found["scores"]["loss"]["mean"] == pytest.approx(run["test"]["loss"])

    assert main(["evaluate", "r/model", "test.csv"]) == 0
    assert "12 rows judged" in capsys.readouterr().out


def test_a_model_is_judged_on_corrupted_rows_as_its_run_was(there, capsys):
    run = best(there)
    assert main(["evaluate", "r/model", "test.csv", "--robustness", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["robustness"]
    told = {
        kind: {m: [one["mean"] for one in curve["scores"]] for m, curve in own.items()}
        for kind, own in found["curves"].items()
    }
    assert {"levels": found["levels"], "scores": told} == run["robustness"]

    assert main(["evaluate", "r/model", "test.csv", "--robustness"]) == 0
    text = capsys.readouterr().out
    lines = {line[:14].strip(): line.split() for line in text.splitlines()}
    assert lines["accuracy by ho"][-7:-2] == ["0%", "25%", "50%", "75%", "100%"]
    scores = run["robustness"]["scores"]["shuffled"]["voice"]
    assert lines["voice shuffled"][2:7] == [f"{100 * score:.1f}" for score in scores]


def test_a_model_is_exported(there, tmp_path):
    assert main(["export", "r/model", "--format", "pt2", "--out", str(tmp_path / "m.pt2"),
                 "--rows", "test.csv"]) == 0  # fmt: skip
    program = torch.export.load(tmp_path / "m.pt2").module()
    model = load("r/model")
    inputs = [torch.randn(7, *one.shape) if one.kind != "text" else torch.ones(7, *one.shape).long()
              for one in model.description.modalities.values()]  # fmt: skip
    wanted = model.outputs(dict(zip(model.modalities, inputs, strict=True))).logits
    assert torch.allclose(program(*inputs)[0], wanted, atol=1e-5)


@pytest.mark.skipif(find_spec("onnxruntime") is None, reason="needs equimodal[onnx]")
def test_an_onnx_model_says_what_the_model_says(there, tmp_path, capsys):
    import onnxruntime

    out = tmp_path / "m.onnx"
    line = ["export", "r/model", "--format", "onnx", "--out", str(out), "--rows", "test.csv"]
    assert main(line) == 0
    assert "checked on 12 rows" in capsys.readouterr().out
    session = onnxruntime.InferenceSession(str(out))
    model = load("r/model")
    inputs = {
        m: torch.randn(5, *one.shape) if one.kind != "text" else torch.ones(5, *one.shape).long()
        for m, one in model.description.modalities.items()
    }

    _, probabilities = session.run(None, {m: rows.numpy() for m, rows in inputs.items()})

    wanted = model.outputs(inputs).logits.softmax(1).numpy()
    assert np.abs(probabilities - wanted).max() < 1e-4


def test_rows_that_cannot_be_read_get_their_reason(there, tmp_path, capsys):
    rows = [r.split(";") for r in (there / "test.csv").read_text().splitlines()[1:]]
    rows[0][2] = "../outside.png"
    rows[1][3] = ""
    rows[2][4] = "1 two 3"
    (there / "broken.png").write_bytes((there / "0.png").read_bytes()[:60])
    rows[3][2] = "broken.png"
    table = media.table(there / "faulty.csv", rows, HEADER)
    out = tmp_path / "p.csv"

    assert main(["predict", "r/model", str(table), "--out", str(out)]) == 0

    assert "(12 rows, 4 of which could not be read (column problem))" in capsys.readouterr().out
    with open(out, newline="") as file:
        found = list(csv.DictReader(file))
    assert [bool(row["label"]) for row in found] == [False] * 4 + [True] * 8
    words = ("leads out of the data root", "voice: is empty", "is no number", "photo: is")
    for row, said in zip(found, words, strict=False):
        assert said in row["problem"]
    assert found[1]["missing"] == "voice"

    assert main(["evaluate", "r/model", str(table)]) == 0
    assert "8 rows judged, 4 could not be read" in capsys.readouterr().out


@pytest.mark.parametrize(("line", "words"), [
    ("predict none test.csv --out p.csv", "is no model folder"),
    ("predict r test.csv --out p.csv", "is no model folder"),
    ("predict r/model none.csv --out p.csv", "no file 'none.csv'"),
    ("predict r/model test.csv", "--out"),
    ("predict r/model test.csv --out p.json", "as a CSV"),
    ("predict r/model test.csv --out my.csv", "there already"),
    ("predict r/model short.csv --out p.csv", "no column 'voice'"),
    ("predict r/model test.csv --out p.csv --device tpu", "no device 'tpu'"),
    ("predict r/model test.csv --out p.csv --data-root none", "is no folder"),
    ("evaluate r/model test.csv --label photo", "'8.png' in row 2 is no class of the model"),
    ("evaluate r/model test.csv --label nothing", "no column 'nothing'"),
    ("export r/model --format pickle", "--format must be one of pt2, onnx"),
    ("export r/model --format pt2 --out my.csv", "there already"),
    ("export r/model --format pt2 --out x.pt2 --rows none.csv", "no file 'none.csv'"),
    ("report r --format xml", "--format must be one of markdown, csv, latex"),
    ("report r --format csv --data-root .", "which --format does not write"),
    ("report r --format csv --beside r", "which --format does not write"),
    ("report r --beside none", "No folder none to report on"),
    ("predict hostile test.csv --out p.csv", "'hostile'"),
])  # fmt: skip
def test_what_cannot_be_done_is_one_line(there, capsys, line, words):
    (there / "short.csv").write_text("photo,body,said\n0.png,1 2 3,a cat\n")
    if not (there / "hostile").exists():
        shutil.copytree(there / "r" / "model", there / "hostile")
        (there / "hostile" / "weights.safetensors").write_bytes(b"\x80\x04cos\nsystem\n.")
    before = sorted(there.rglob("*"))

    assert main(line.split()) == 2

    said = capsys.readouterr()
    assert said.err.startswith("equimodal: error: ") and said.err.count("\n") == 1
    assert words in said.err
    assert sorted(there.rglob("*")) == before


def test_a_comparison_that_goes_on_leaves_the_same_model(there, without_workers, capsys):
    before = {p.name: p.read_bytes() for p in (there / "r" / "model").iterdir()}

    line = "compare --data my.csv --methods joint,joint+unimodal --seeds 2 --epochs 2 --out r"
    assert main([*line.split(), "--resume"]) == 0

    assert before == {p.name: p.read_bytes() for p in (there / "r" / "model").iterdir()}
    assert "model:   r/model" in capsys.readouterr().out


@pytest.mark.parametrize("form", ["markdown", "csv", "latex"])
def test_a_report_is_printed_for_documents_and_programs(there, form, capsys):
    from equimodal import report

    before = (there / "r" / "report.html").read_bytes()
    assert main(["report", "r", "--format", form]) == 0

    write = {"markdown": report.markdown, "csv": report.csv_text, "latex": report.latex}[form]
    assert capsys.readouterr().out == write(report.read_results("r"))
    assert (there / "r" / "report.html").read_bytes() == before
