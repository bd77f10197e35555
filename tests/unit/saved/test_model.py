"""A model folder predicts what its run kept, to the last digit."""

import shutil

import numpy as np
import pytest
import torch

from equimodal import BalanceError, load, methods
from equimodal.saved.export import export
from equimodal.saved.writing import write_model
from equimodal.training.prediction import read_arrays
from products import by_class
from unit.saved.conftest import edited, numbers_and_words, trained


def kept(folder, run):
    return {name: values for name, values in read_arrays(folder / run.folder).items()}


def assert_equal_to_the_last_digit(model, table, arrays):
    found = model.predict(table)
    assert torch.equal(found.logits, torch.from_numpy(arrays["test_logits"]))
    own = torch.stack([found.unimodal[m] for m in model.modalities])
    assert torch.equal(own, torch.from_numpy(arrays["test_unimodal_logits"]))


def only_test_rows(table, into):
    head, *rows = table.read_text().splitlines()
    into.write_text("\n".join([head, *(row for row in rows if ",test," in row)]) + "\n")
    return into


@pytest.mark.parametrize("fusion", ["concat", "sum", "film", "gated", "attention"])
def test_a_model_folder_predicts_what_its_run_kept(tmp_path, fusion):
    numbers_and_words(tmp_path / "my.csv")
    plan, run = trained(tmp_path, fusion=fusion)
    write_model(tmp_path / "model", plan, run, tmp_path)
    rows = only_test_rows(tmp_path / "my.csv", tmp_path / "rows.csv")

    assert_equal_to_the_last_digit(load(tmp_path / "model"), rows, kept(tmp_path, run))


@pytest.mark.parametrize("method", by_class())
def test_the_model_of_every_method_predicts_what_its_run_kept(tmp_path, method):
    numbers_and_words(tmp_path / "my.csv", rows=80, tests=20)
    plan, run = trained(tmp_path, method)
    write_model(tmp_path / "model", plan, run, tmp_path)
    rows = only_test_rows(tmp_path / "my.csv", tmp_path / "rows.csv")

    assert_equal_to_the_last_digit(load(tmp_path / "model"), rows, kept(tmp_path, run))


def test_a_model_of_one_modality_reads_its_own_column_alone(tmp_path):
    numbers_and_words(tmp_path / "my.csv")
    plan, run = trained(tmp_path, "alone:words")
    write_model(tmp_path / "model", plan, run, tmp_path)
    rows = only_test_rows(tmp_path / "my.csv", tmp_path / "rows.csv")
    lines = [line.split(",")[-1] for line in rows.read_text().splitlines()]
    rows.write_text("\n".join(lines) + "\n")

    model = load(tmp_path / "model")

    assert model.modalities == ("words",)
    assert_equal_to_the_last_digit(model, rows, kept(tmp_path, run))


def test_columns_may_be_given_in_the_place_of_a_table(made, model):
    found = model.predict({"body": ["1 1 1", "", "x"], "words": ["a dog barks", "a cat", "a cat"]})

    assert found.labels[0] in model.classes and found.labels[1:] == [None, None]
    assert found.problems == {1: "body: is empty", 2: "body: 'x' is no number"}
    assert found.missing == {1: ["body"]}
    assert found.logits[1:].isnan().all() and found.logits[0].isfinite().all()


@pytest.mark.parametrize(("columns", "words"), [
    ({"body": ["1 1 1"]}, "no column 'words'"),
    ({"body": "1 1 1", "words": ["a"]}, "must be a list of texts"),
    ({"body": 7, "words": ["a"]}, "must be a list of texts"),
    ({"body": [None], "words": ["a"]}, "must be a list of texts"),
    ({"body": ["1 1 1"], "words": []}, "same number of rows"),
    ("my.txt", "is no table"),
])  # fmt: skip
def test_rows_that_are_no_rows_are_refused(model, columns, words):
    with pytest.raises(BalanceError, match=words):
        model.predict(columns)


def test_inline_numbers_may_be_an_array(model):
    rows = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    said = ["a cat"] * 5
    cells = [" ".join(map(repr, row.tolist())) for row in rows]

    found = model.predict({"body": rows, "words": said})

    assert torch.equal(found.logits, model.predict({"body": cells, "words": said}).logits)


def test_settings_that_do_not_fit_the_rows_are_one_error(made, tmp_path):
    shutil.copytree(made[0] / "model", tmp_path / "model")

    def shorter(content):
        content["table"]["columns"]["words"]["settings"]["length"] = 5

    edited(tmp_path / "model", shorter)

    with pytest.raises(BalanceError, match="an array of another shape than the model's"):
        load(tmp_path / "model").predict({"body": ["1 2 3"], "words": ["a cat"]})


def test_a_row_that_cannot_be_read_leaves_the_others_as_they_are(model, made, tmp_path):
    rows = only_test_rows(made[0] / "my.csv", tmp_path / "rows.csv")
    whole = model.predict(rows)
    lines = rows.read_text().splitlines()
    lines[5] = lines[5].replace("times", "times").split(",")[0] + ",test,1 2,a dog"
    rows.write_text("\n".join(lines) + "\n")

    found = model.predict(rows)

    assert found.problems == {4: "body: has the shape [2], most others [3]"}
    others = [i for i in range(len(found)) if i != 4]
    assert torch.allclose(found.logits[others], whole.logits[others], atol=1e-6)


def test_a_built_in_set_has_no_columns(tmp_path):
    from equimodal.comparison.experiment import Experiment
    from equimodal.comparison.plan import make_plan
    from equimodal.training.loop import train

    plan = make_plan(Experiment("keypad", methods=("joint",), seeds=(0,), epochs=1))
    train(plan.runs[0].config, tmp_path / plan.runs[0].folder)
    write_model(tmp_path / "model", plan, plan.runs[0], tmp_path)
    model = load(tmp_path / "model")

    with pytest.raises(BalanceError, match="built-in set keypad"):
        model.predict({"image": ["a.png"]})

    from equimodal.data import load as load_data

    inputs, _ = load_data("keypad").test.take(torch.arange(128))
    arrays = kept(tmp_path, plan.runs[0])
    assert np.array_equal(model.outputs(inputs).logits.numpy(), arrays["test_logits"][:128])


def test_writing_twice_gives_the_same_bytes(made, tmp_path):
    folder, plan, run = made
    write_model(tmp_path / "model", plan, run, folder)

    for path in (folder / "model").iterdir():
        assert path.read_bytes() == (tmp_path / "model" / path.name).read_bytes()


HARM = {
    "no classes": lambda c: c.update(classes=[]),
    "a class twice": lambda c: c.update(classes=["cat", "cat"]),
    "more classes than weights": lambda c: c.update(classes=["cat", "dog", "cow"]),
    "a huge shape": lambda c: c["modalities"]["body"].update(shape=[2**60]),
    "a larger shape": lambda c: c["modalities"]["body"].update(shape=[2**26]),
    "a negative shape": lambda c: c["modalities"]["body"].update(shape=[-1]),
    "another kind": lambda c: c["modalities"]["body"].update(kind="pickle"),
    "a huge vocabulary": lambda c: c["modalities"]["words"].update(vocabulary=2**40),
    "a path as a modality": lambda c: c["modalities"].update({"../x": c["modalities"]["body"]}),
    "another order": lambda c: c.update(modalities=dict(reversed(c["modalities"].items()))),
    "a model of the hub": lambda c: c.update(encoders={"words": "hf:bad/model"}),
    "an unknown encoder": lambda c: c.update(encoders={"words": "os.system"}),
    "an unknown fusion": lambda c: c.update(fusion="eval"),
    "another task": lambda c: c.update(task="shell"),
    "a wrong digest": lambda c: c["files"].update({"weights.safetensors": "0" * 32}),
    "no files": lambda c: c.pop("files"),
    "a list for a table": lambda c: c.update(table=[]),
    "a column of files that are none": lambda c: c["table"]["columns"]["body"].update(files=True),
    "a setting that is none": lambda c: c["table"]["columns"]["body"]["settings"].update(x=1),
    "a row of gigabytes": lambda c: c["table"]["columns"]["body"].update(shape=[2**20, 2**20]),
    "words that are numbers": lambda c: c["table"]["columns"]["words"]["settings"].update(
        words=[1, 2]
    ),
    "a type of objects": lambda c: c["table"]["columns"]["body"].update(dtype="O"),
    "a schema of the future": lambda c: c.update(schema="equimodal.model/9"),
    "scaling that is text": lambda c: c["modalities"]["body"].update(scaling=["a", "b"]),
}  # fmt: skip


@pytest.mark.parametrize("harm", HARM)
def test_a_hostile_description_is_one_error(made, tmp_path, harm):
    shutil.copytree(made[0] / "model", tmp_path / "model")
    edited(tmp_path / "model", HARM[harm])

    with pytest.raises(BalanceError, match=r"model( folder|\.json)"):
        load(tmp_path / "model")


@pytest.mark.parametrize("name", ["weights.safetensors", "scaling.safetensors", "model.json"])
@pytest.mark.parametrize("damage", [
    lambda path: path.write_bytes(path.read_bytes()[:-7]),
    lambda path: path.write_bytes(b""),
    lambda path: path.write_bytes(b"\x80\x04."),
    lambda path: path.unlink(),
], ids=["cut", "empty", "pickle", "gone"])  # fmt: skip
def test_a_damaged_file_is_one_error_that_names_it(made, tmp_path, name, damage):
    shutil.copytree(made[0] / "model", tmp_path / "model")
    damage(tmp_path / "model" / name)

    with pytest.raises(BalanceError, match=name):
        load(tmp_path / "model")


def test_weights_whose_digest_was_forged_are_held_against_the_description(made, tmp_path):
    from safetensors.torch import load_file

    from equimodal.saved.tensors import write_tensors

    shutil.copytree(made[0] / "model", tmp_path / "model")
    weights = load_file(made[0] / "model" / "weights.safetensors")
    name = next(iter(weights))
    weights[name] = torch.zeros(7, 7)
    digest = write_tensors(tmp_path / "model" / "weights.safetensors", weights)
    edited(tmp_path / "model", lambda c: c["files"].update({"weights.safetensors": digest}))

    with pytest.raises(BalanceError, match="not of the model that"):
        load(tmp_path / "model")


RULED = [n for n in methods.names() if methods.create(n).has_stage("predict")]


@pytest.mark.parametrize("method", by_class(RULED))
def test_a_model_whose_method_predicts_by_a_rule_is_exported_with_it(tmp_path, method):
    numbers_and_words(tmp_path / "my.csv", rows=80, tests=20)
    plan, run = trained(tmp_path, method)
    write_model(tmp_path / "model", plan, run, tmp_path)
    model = load(tmp_path / "model")
    assert model.description.prediction == {"method": method, "settings": {}}

    export(model, tmp_path / "model", tmp_path / "m.pt2", format="pt2")

    kinds = model.description.modalities.values()
    inputs = [torch.ones(3, *one.shape) for one in kinds]
    inputs = [x if one.kind == "vector" else x.long() for x, one in zip(inputs, kinds, strict=True)]
    logits, chances = torch.export.load(tmp_path / "m.pt2").module()(*inputs)
    expected = model.outputs(dict(zip(model.modalities, inputs, strict=True))).logits
    torch.testing.assert_close(logits, expected)
    torch.testing.assert_close(chances, expected.softmax(1))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("mla", "prediction must name a method and its settings"),
        ({"method": "none", "settings": {}}, "Unknown method 'none'"),
        ({"method": "mla", "settings": {"fusion": "x"}}, "MLA fusion must be one of"),
    ],
)
def test_a_rule_that_there_is_not_is_refused(tmp_path, made, given, words):
    shutil.copytree(made[0] / "model", tmp_path / "model")
    edited(tmp_path / "model", lambda c: c.update(prediction=given))
    with pytest.raises(BalanceError, match=words):
        load(tmp_path / "model")
