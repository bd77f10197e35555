"""How the numbers came about."""

from __future__ import annotations

import shlex

from equimodal.report.page.provenance import command, facts


def test_the_command_makes_the_comparison_again(results):
    results["config"]["data_settings"]["snr"] = 5.0
    words = shlex.split(command(results))
    assert words[:4] == ["equimodal", "compare", "--data", "keypad"]
    said = dict(zip(words[2::2], words[3::2], strict=True))
    assert said["--methods"].split(",") == results["config"]["methods"]
    assert said["--seeds"] == "3"
    assert said["--epochs"] == "12"
    assert said["--lr"] == "0.05"
    assert said["--batch-size"] == "64"
    assert words[-4:] == ["--set", "keypad.snr=5.0", "--set", "amss.tau=0.2"]


def test_seeds_that_are_not_the_first_are_listed(build_results):
    assert "--seeds 3,5" in command(build_results(seeds=(3, 5)))


def test_several_trial_rates_are_listed(results):
    results["config"]["lr"] = [0.01, 0.05]
    assert "--lr 0.01,0.05" in command(results)


def test_words_are_quoted_for_the_shell(build_results):
    assert "--data 'my set'" in command(build_results(name="my set"))


def test_facts_name_what_the_numbers_rest_on(results):
    said = dict(facts(results))
    assert said["Modalities"] == "sound (vector 8); image (vector 8)"
    assert said["Samples"] == "train 1000, validation 300, test 1988"
    assert said["Data settings"] == "snr 10, detuning 0.005"
    assert "weight decay 0.0001" in said["Training"]
    assert "test data select nothing" in said["Selection"]


def test_entries_that_are_absent_are_not_invented(results):
    results["config"] = {
        key: results["config"][key] for key in ("data", "methods", "seeds", "epochs", "objective")
    }
    results["data"] = {"name": "set", "modalities": {"a": {}}}
    said = dict(facts(results))
    assert said["Training"] == "epochs 12"
    assert said["Samples"] == "not stated"
    assert "--optimizer" not in command(results)


def test_settings_are_written_as_they_are_given_and_the_schedule_where_it_is_another(results):
    results["config"] |= {
        "settings": {"amss": {"tau": 0.5, "clamp": [0.2, 0.8]}, "relearn": {"at": [0.5]}},
        "optimizer": "sgd",
        "optimizer_settings": {"momentum": 0.0},
        "schedule": "step:60:0.1",
    }
    said = command(results)
    assert "--schedule step:60:0.1" in said
    assert said.endswith(
        "--set amss.tau=0.5 --set amss.clamp=0.2,0.8 --set relearn.at=0.5, --set sgd.momentum=0.0"
    )
