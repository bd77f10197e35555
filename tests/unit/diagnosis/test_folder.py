"""The diagnosis of a comparison and of a run, against the numbers that their files hold."""

import json
import shutil

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from equimodal import BalanceError, diagnosis
from equimodal.comparison.outcome.judged import read_judged
from equimodal.comparison.outcome.summary import summarise
from equimodal.comparison.rows import slug
from equimodal.diagnosis import diagnose_folder, sample_contributions, settle_folder
from equimodal.diagnosis.rules import WORDS
from equimodal.numerics.intervals import Units
from equimodal.report.read.reading import read_records
from unit.diagnosis.conftest import trained_in
from unit.training.tiny import tiny  # noqa: F401

MODALITIES = ["a", "b", "c"]


@pytest.fixture(scope="module")
def found(comparison):
    return diagnose_folder(comparison)


@pytest.fixture
def copied(comparison, tmp_path):
    return shutil.copytree(comparison, tmp_path / "copy")


def results(comparison, row):
    return [json.loads(p.read_text()) for p in sorted(comparison.glob(f"runs/{row}/*/result.json"))]


def mean(values):
    return sum(values) / len(values)


def test_every_documented_function_is_found_where_the_page_says():
    assert all(callable(getattr(diagnosis, name)) for name in diagnosis.__all__)
    with pytest.raises(AttributeError, match="no attribute 'diagnose'"):
        _ = diagnosis.diagnose


def test_probes_and_accuracies_are_the_means_that_the_runs_hold(comparison, found):
    joint, unimodal = results(comparison, "joint"), results(comparison, "joint-plus-unimodal")
    assert found["source"]["seeds"] == [3, 4]
    assert found["source"]["samples"] == [33, 33]
    for m in MODALITIES:
        alone, probe = results(comparison, f"alone-{m}"), found["verdict"]["modalities"][m]["probe"]
        ours = mean([r["test"]["probe_accuracy"][m] for r in joint])
        theirs = mean([r["test"]["probe_accuracy"][m] for r in alone])
        assert probe["fused"]["value"] == pytest.approx(ours)
        assert probe["alone"]["value"] == pytest.approx(theirs)
        assert probe["lost"]["value"] == pytest.approx(theirs - ours)
        assert probe["lost"]["low"] <= theirs - ours <= probe["lost"]["high"]
        inside = mean([r["test"]["modality_accuracy"][m] for r in joint])
        assert found["measures"]["accuracy_inside"]["readout"][m]["value"] == pytest.approx(inside)
    cost = found["verdict"]["cost"]
    accuracy = mean([r["test"]["accuracy"] for r in joint])
    assert cost["accuracy"]["value"] == pytest.approx(accuracy)
    gain = mean([r["test"]["accuracy"] for r in unimodal]) - accuracy
    assert cost["ahead"]["joint+unimodal"]["difference"]["value"] == pytest.approx(gain)


def test_the_ensemble_is_the_mean_of_the_modalities_trained_alone(comparison, found):
    right = []
    for seed in (3, 4):
        saved = [
            np.load(comparison / f"runs/alone-{m}/seed-{seed}/predictions.npz") for m in MODALITIES
        ]
        logits = [torch.from_numpy(s["test_logits"]).double() for s in saved]
        together = sum(z.softmax(1) for z in logits)
        right.append((together.argmax(1).numpy() == saved[0]["test_labels"]).mean())
    assert found["verdict"]["cost"]["ahead"]["ensemble"]["accuracy"]["value"] == pytest.approx(
        mean(right)
    )


def test_shapley_values_sum_to_the_accuracy_above_a_blind_guess(comparison):
    for seed, one in sample_contributions(comparison).items():
        saved = np.load(comparison / f"runs/joint/seed-{seed}/predictions.npz")
        parts = torch.from_numpy(saved["test_unimodal_logits"])
        blind = int(parts.mean(1).sum(0).argmax())
        labels = torch.from_numpy(saved["test_labels"])
        total = sum(one[f"shapley/accuracy/{m}"] for m in MODALITIES)
        expected = (one["prediction"] == labels).double() - (labels == blind).double()
        assert torch.allclose(total, expected, atol=1e-9)
        assert torch.equal(one["label"], labels)


def test_overfitting_is_measured_from_the_untrained_to_the_selected_weights(comparison, found):
    before, after = results(comparison, "untrained"), results(comparison, "joint")
    for m in MODALITIES:
        ratios = []
        for old, new in zip(before, after, strict=True):
            losses = [
                (r["train"]["modality_loss"][m], r["validation"]["modality_loss"][m])
                for r in (old, new)
            ]
            (t0, v0), (t1, v1) = losses
            ratios.append(abs(((v1 - t1) - (v0 - t0)) / (v0 - v1)) if v1 < v0 else None)
        expected = None if None in ratios else pytest.approx(mean(ratios))
        assert found["measures"]["overfitting_to_generalisation"][m] == expected


def test_the_kept_losses_are_cross_entropies_of_the_kept_logits(comparison):
    result = results(comparison, "joint")[0]
    saved = np.load(comparison / "runs/joint/seed-3/predictions.npz")
    labels = torch.from_numpy(saved["test_labels"])
    for i, m in enumerate(saved["modalities"]):
        expected = cross_entropy(
            torch.from_numpy(saved["test_unimodal_logits"][i]).double(), labels
        )
        assert result["test"]["modality_loss"][m] == pytest.approx(float(expected))
        hits = saved["test_probed"][i] == saved["test_labels"]
        assert result["test"]["probe_accuracy"][m] == pytest.approx(hits.mean())


def test_the_diagnosis_is_plain_finite_json_and_is_the_same_again(comparison, found):
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert diagnose_folder(comparison) == found
    assert str(found) == "\n".join(found["text"])


def test_the_text_says_the_words_the_numbers_and_that_nothing_is_promised(found):
    text = str(found)
    for m, judged in found["verdict"]["modalities"].items():
        assert judged["word"] in WORDS
        assert f"  {m}: {judged['told']}" in text and judged["told"].startswith(judged["word"])
    assert f"verdict: {found['verdict']['headline']}" in text
    methods = [tip for tip in found["advice"] if tip["method"]]
    assert ("None of them is promised to help" in text) == bool(methods)


def test_the_records_of_the_training_are_summed_up(comparison, found):
    records, problem = read_records(
        comparison, {"method": "joint", "seed": 3, "folder": "runs/joint/seed-3"}
    )
    assert problem is None and set(records) == {"curves", "decisions", "diagnosis"}
    kept = json.loads((comparison / "runs/joint/seed-3/records.json").read_text())["diagnosis"]
    assert [r["step"] for r in kept if r["name"] == "gradient_share"] == [0, 10]
    training = found["measures"]["training"]
    assert set(training) == {"score", "conflict", "gradient_norm", "gradient_share"}
    assert sum(training["gradient_share"][m]["mean"] for m in MODALITIES) == pytest.approx(1)


def test_one_run_is_held_against_the_runs_beside_it(comparison):
    found = diagnose_folder(comparison / "runs/joint/seed-4")
    assert (found["source"]["kind"], found["source"]["seeds"]) == ("run", [4])
    assert found["verdict"]["state"] is not None and found["missing"] == []


def test_another_row_and_the_validation_samples_can_be_diagnosed(comparison):
    found = diagnose_folder(comparison, row="joint+unimodal", split="validation")
    expected = mean(
        [r["validation"]["accuracy"] for r in results(comparison, "joint-plus-unimodal")]
    )
    assert found["verdict"]["cost"]["accuracy"]["value"] == pytest.approx(expected)
    assert "joint+unimodal" not in found["verdict"]["cost"]["ahead"]
    assert found["source"]["samples"] == [30, 30]


def test_missing_references_are_named_with_the_command_that_trains_them(copied):
    shutil.rmtree(copied / "runs/alone-b")
    shutil.rmtree(copied / "runs/untrained/seed-4")
    found = diagnose_folder(copied)
    assert [(e["row"], e["seed"]) for e in found["missing"]] == [
        ("alone:b", 3), ("untrained", 4), ("alone:b", 4),
    ]  # fmt: skip
    command = found["missing"][0]["command"]
    wanted = "equimodal train --data tiny --method alone:b --seed 3 --epochs 4 --lr 0.05"
    assert command.startswith(wanted)
    assert command.endswith(f" --out {copied}")
    assert "--lr" not in found["missing"][1]["command"]
    assert found["verdict"]["modalities"]["b"]["word"] == "no verdict"
    assert found["verdict"]["modalities"]["b"]["why"] == "it was not trained alone"
    assert found["verdict"]["modalities"]["a"]["why"] == "its untrained encoder was not probed"
    assert found["verdict"]["modalities"]["a"]["probe"]["alone"] is not None
    assert command in str(found)


def test_a_reference_of_another_budget_is_none(copied):
    path = copied / "runs/alone-a/seed-3/config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"epochs": 9}))
    assert [(e["row"], e["seed"]) for e in diagnose_folder(copied)["missing"]] == [("alone:a", 3)]


def test_of_several_rates_the_one_best_on_validation_is_diagnosed(copied):
    place = copied / "runs/joint/seed-3"
    worse = shutil.copytree(place, copied / "runs/joint/seed-3-lr-0.5")
    config, result = (json.loads((worse / n).read_text()) for n in ("config.json", "result.json"))
    result["validation"]["accuracy"] = 0.0
    (worse / "config.json").write_text(json.dumps(config | {"lr": 0.5}))
    (worse / "result.json").write_text(json.dumps(result | {"lr": 0.5}))
    assert diagnose_folder(copied) == diagnose_folder(copied) | {"missing": []}
    assert diagnose_folder(copied)["source"]["seeds"] == [3, 4]


def put_groups(folder, groups):
    for path in folder.glob("runs/*/*/predictions.npz"):
        np.savez(path, **np.load(path), test_groups=groups)


def width(found):
    accuracy = found["verdict"]["cost"]["accuracy"]
    return accuracy["high"] - accuracy["low"]


def test_groups_are_the_units_of_the_intervals_from_twenty_on(copied, found):
    told = "intervals take each of the 33 test samples of a seed as a unit"
    assert (found["source"]["unit"], found["source"]["groups"]) == ("sample", [None, None])
    assert told in found["notes"] and told in found["text"]

    groups = np.arange(33) % 20
    put_groups(copied, groups)
    grouped = diagnose_folder(copied)
    assert (grouped["source"]["unit"], grouped["source"]["groups"]) == ("group", [20, 20])
    told = "intervals take the 20 groups of the 33 test samples of a seed as units, as samples of"
    assert any(line.startswith(told) for line in grouped["text"])
    judged = [np.load(copied / f"runs/joint/seed-{s}/predictions.npz") for s in (3, 4)]
    hits = [torch.from_numpy(j["test_logits"].argmax(1) == j["test_labels"]) for j in judged]
    expected = Units([torch.from_numpy(groups)] * 2).interval(hits).plain()
    accuracy = grouped["verdict"]["cost"]["accuracy"]
    assert accuracy == pytest.approx(
        {"value": expected["mean"], "low": expected["low"], "high": expected["high"]}
    )
    assert width(grouped) != width(found)


@pytest.mark.parametrize(
    ("groups", "note"),
    [
        (np.arange(33), "intervals take the 33 groups of the 33 test samples of a seed as units"),
        (np.zeros(33, np.int64), "for this 1 group: intervals take the 33 test samples as units"),
        (np.arange(33) // 17, "for these 2 groups: intervals take the 33 test samples as units, as"
                              " fewer than 20 groups cannot stand for others"),
    ],
)  # fmt: skip
def test_groups_that_say_little_are_told(groups, note, copied):
    put_groups(copied, groups)
    notes = [text for text in diagnose_folder(copied)["notes"] if "intervals" in text]
    assert any(text.startswith(note) for text in notes)


def test_two_seeds_are_told_as_too_few_for_training_in_general(found):
    assert "2 seeds: a sentence on training in general takes 3" in found["notes"]


def test_table_and_verdict_have_one_interval_for_one_difference(comparison, found):
    """`alone:sound` minus joint was [+0.3, +5.3] in the verdict and [-3.3, +9.3] in the table."""
    rows = ("joint", "joint+unimodal", *(f"alone:{m}" for m in MODALITIES))
    places = {row: comparison / f"runs/{slug(row)}" for row in rows}
    runs = [
        {**json.loads((place / f"seed-{s}/result.json").read_text()), "place": place / f"seed-{s}"}
        for place in places.values()
        for s in (3, 4)
    ]
    summary = summarise(rows, runs, lambda run: read_judged(run["place"]))["summary"]
    ahead = found["verdict"]["cost"]["ahead"]
    for row in set(ahead) & set(rows):
        told, listed = ahead[row]["difference"], summary[row]["difference_to_joint"]
        assert (told["value"], told["low"], told["high"]) == pytest.approx(
            (listed["mean"], listed["low"], listed["high"])
        )
    assert {"joint+unimodal", found["verdict"]["cost"]["best_alone"]} <= set(ahead)
    for m in MODALITIES:
        lost = found["verdict"]["modalities"][m]["probe"]["lost"]
        listed = summary["joint"]["probe_difference_to_alone"][m]
        assert (lost["value"], lost["low"], lost["high"]) == pytest.approx(
            (-listed["mean"], -listed["high"], -listed["low"])
        )


def test_nan_in_the_predictions_is_refused_by_name(copied):
    path = copied / "runs/joint/seed-3/predictions.npz"
    arrays = dict(np.load(path))
    arrays["test_unimodal_logits"][0, 0, 0] = np.nan
    np.savez(path, **arrays)
    with pytest.raises(BalanceError, match="test_unimodal_logits that are not finite"):
        diagnose_folder(copied)


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive at all"])
def test_damaged_predictions_are_refused_by_name(content, copied):
    (copied / "runs/alone-a/seed-3/predictions.npz").write_bytes(content)
    with pytest.raises(
        BalanceError, match=r"alone-a.seed-3.predictions.npz' is missing or damaged"
    ):
        diagnose_folder(copied)


def test_predictions_of_an_earlier_version_are_refused_with_what_to_do(copied):
    path = copied / "runs/joint/seed-3/predictions.npz"
    arrays = {k: v for k, v in np.load(path).items() if "probed" not in k}
    np.savez(path, **arrays)
    with pytest.raises(BalanceError, match="earlier version; delete the folder"):
        diagnose_folder(copied)


# -- looking into the model ---------------------------------------------------------------------


@pytest.fixture
def tiny_loaded(tiny, monkeypatch):  # noqa: F811
    """The tiny set in place of the real ones, also where a diagnosis loads it."""
    monkeypatch.setattr("equimodal.data.ready", lambda name, *_, **__: (name, None))


def test_the_checkpoint_of_a_run_gives_what_its_predictions_give_and_more(comparison, tiny_loaded):
    run = comparison / "runs/joint/seed-3"
    plain, deep = diagnose_folder(run)["measures"], diagnose_folder(run, deep=True)["measures"]
    assert set(deep) - set(plain) == {"gradients", "fisher_trace", "purity"}
    for gain in ("accuracy", "score"):
        for m in MODALITIES:
            ours, theirs = (d["shapley"][gain][m]["value"] for d in (plain, deep))
            assert ours == pytest.approx(theirs, abs=1e-5)
    assert sum(g["share"] for g in deep["gradients"].values()) == pytest.approx(1)
    assert all(trace > 0 for trace in deep["fisher_trace"].values())


def test_a_fusion_whose_parts_do_not_sum_is_measured_by_its_model(tmp_path, tiny_loaded):
    rows = ("alone:a", "alone:b", "alone:c", "joint")
    folder = trained_in(tmp_path, rows, seeds=(3,), fusion="gated", epochs=1)
    plain, deep = diagnose_folder(folder), diagnose_folder(folder, deep=True)
    assert plain["source"]["readout"] == "Ablation"
    assert "shapley" not in plain["measures"] and "--deep" in plain["notes"][-1]
    assert "--fusion gated" in plain["missing"][0]["command"]
    total = sum(v["value"] for v in deep["measures"]["shapley"]["accuracy"].values())
    assert -1 <= total <= 1 and "drop" in deep["measures"]
    assert plain["verdict"] == deep["verdict"]


def test_a_checkpoint_that_is_gone_is_named(copied, tiny_loaded):
    (copied / "runs/joint/seed-3/checkpoint.pt").unlink()
    with pytest.raises(BalanceError, match=r"checkpoint.pt' is missing"):
        diagnose_folder(copied, deep=True)


# -- what a verdict lacks is trained ------------------------------------------------------------


def wanting(folder):
    """What each modality without a word waits for."""
    words = diagnose_folder(folder)["verdict"]["modalities"]
    return {m: v["wants"] for m, v in words.items() if v["wants"]}


@pytest.mark.usefixtures("tiny")
def test_longer_references_are_trained_with_the_budget_of_the_run_and_settle_a_word(tmp_path):
    """One epoch teaches nothing, so that every modality waits for longer trainings alone."""
    folder = trained_in(tmp_path / "brief", epochs=1)
    before = wanting(folder)
    assert "longer" in before.values()
    found = settle_folder(folder, here=True, progress=False)
    for m, wants in before.items():
        probe = found["verdict"]["modalities"][m]["probe"]
        assert (wants != "longer") == (probe["longer"] == [])
        for times, told in zip((2, 4), probe["longer_alone"], strict=False):
            runs = sorted(folder.glob(f"runs/alone-{m}.x{times}/seed-*"))
            configs = [json.loads((run / "config.json").read_text()) for run in runs]
            assert [c["seed"] for c in configs] == [3, 4]
            first = json.loads((folder / f"runs/alone-{m}/seed-3/config.json").read_text())
            assert {**first, "epochs": times} == configs[0]
            right = [read_judged(run).probe_hits(m).mean() for run in runs]
            assert told["value"] == pytest.approx(mean([float(r) for r in right]))
    assert "longer" not in wanting(folder).values()
    assert diagnose_folder(folder) == found


@pytest.mark.usefixtures("tiny")
def test_references_that_are_missing_are_trained(copied):
    shutil.rmtree(copied / "runs/alone-a")
    shutil.rmtree(copied / "runs/untrained")
    found = diagnose_folder(copied)
    assert found["settling"] == [
        {"modalities": MODALITIES, "command": f"equimodal diagnose {copied} --settle"}
    ]
    assert f"to settle a, b and c: equimodal diagnose {copied} --settle" in str(found)
    settle_folder(copied, here=True, progress=False)
    for row in ("alone-a", "untrained"):
        for seed in (3, 4):
            assert (copied / f"runs/{row}/seed-{seed}/result.json").is_file()


def test_a_run_by_itself_has_no_place_for_its_references(comparison, tmp_path):
    run = shutil.copytree(comparison / "runs/joint/seed-3", tmp_path / "run")
    with pytest.raises(BalanceError, match="lies in no comparison"):
        settle_folder(run)


@pytest.mark.usefixtures("tiny")
def test_a_deep_diagnosis_prints_what_it_measured_and_says_where_it_is(comparison, capsys):
    """`--deep` printed the same text byte for byte."""
    plain = diagnose_folder(comparison)["text"]
    found = diagnose_folder(comparison, deep=True, progress=True)
    more = [line for line in found["text"] if line not in plain]
    measures = found["measures"]
    for label, family, written in (
        ("share of the gradient's norm now", "gradients", lambda v: f"{100 * v['share']:.0f}"),
        ("Fisher trace", "fisher_trace", lambda v: f"{v:.2g}"),
        ("purity of feature clusters", "purity",
         lambda v: f"{100 * v['train']:.1f} and {100 * v['validation']:.1f}"),
    ):  # fmt: skip
        (line,) = (line for line in more if line.startswith(label))
        for m, value in measures[family].items():
            assert f"{m} {written(value)}" in line
    told = capsys.readouterr().err.splitlines()
    assert told == [f"looking into joint, seed {s}: model {n} of 2" for n, s in ((1, 3), (2, 4))]
