"""The sentences that say what a comparison shows."""

from __future__ import annotations

import pytest

from equimodal.errors import BalanceError
from equimodal.report import conclusions
from equimodal.report.read.findings import findings, starved
from unit.report.synthetic import with_controls


def lower_probe(results, row, modality, by):
    """Every run's probe of a modality, and its mean in the summary, moved down."""
    for run in results["runs"]:
        if run["method"] == row:
            run["test"]["probe_accuracy"][modality] -= by
    entry = results["summary"][row]
    entry["probe_accuracy"][modality]["mean"] -= by
    for key in ("mean", "low", "high"):
        entry["probe_difference_to_alone"][modality][key] -= by


def test_the_starved_modality_is_named_with_its_probes(results):
    told = findings(results)["Starvation"]
    summary = results["summary"]
    assert told.startswith("Joint training starved sound. Linear probe, sound: ")
    for row in ("joint", "alone:sound", "untrained"):
        assert f"{100 * summary[row]['probe_accuracy']['sound']['mean']:.1f} %" in told
    assert "points" in told
    assert "; image: " in told


def test_every_starved_modality_is_named(results):
    lower_probe(results, "joint", "image", 0.3)
    lower_probe(results, "untrained", "image", 0.4)
    assert findings(results)["Starvation"].startswith("Joint training starved sound and image.")


def test_no_modality_is_called_starved_when_probes_are_equal(results):
    lower_probe(results, "joint", "sound", -0.15)
    told = findings(results)["Starvation"]
    assert told.startswith("No modality was shown to be starved")
    assert "[" in told


@pytest.mark.parametrize(
    ("mean", "low", "high", "expected"),
    [
        (-0.15, -0.16, -0.14, True),
        (-0.15, -0.40, 0.10, False),
        (-0.029, -0.030, -0.028, False),
        (-0.15, None, None, False),
        (0.15, 0.14, 0.16, False),
    ],
)
def test_starvation_takes_three_points_and_the_whole_interval(mean, low, high, expected, results):
    gap = results["summary"]["joint"]["probe_difference_to_alone"]["sound"]
    gap |= {"mean": mean, "low": low, "high": high}
    assert starved(results, "sound") is expected


def test_nothing_is_starved_by_a_reference_that_is_not_above_the_untrained_encoder(results):
    """`Joint training starved ...` stood beside `balanced: nothing to mend`."""
    floor = results["summary"]["untrained"]["probe_difference_to_alone"]["sound"]
    floor |= {"mean": 0.01, "low": -0.02, "high": 0.04}
    assert not starved(results, "sound")
    assert "No modality was shown to be starved" in findings(results)["Starvation"]


def test_without_the_alone_rows_starvation_is_not_claimed(build_results):
    told = findings(build_results(rows=("joint", "dus")))["Starvation"]
    rows = "joint, alone:<modality> and untrained"
    assert told == f"Starvation was not measured: it takes the rows {rows}."


def test_gains_losses_and_open_cases_against_joint_are_told_apart(results):
    above, below, undecided = findings(results)["Against joint"].split("; ")
    assert "ensemble +" in above and "joint+unimodal +" in above and "dus +" in above
    assert below.startswith("below joint: relearn -")
    assert undecided == "not told apart from joint: amss."


def test_nothing_above_joint_is_said_as_plainly(build_results):
    results = build_results(rows=("joint", "relearn"))
    told = findings(results)["Against joint"]
    assert "above zero: none; below joint: relearn -" in told


def test_methods_not_above_the_cheap_remedy_are_named(results):
    told = findings(results)["Against joint+unimodal"]
    assert "by the same test: none" in told
    assert "amss (below), dus and relearn (below)" in told or "dus (below)" in told


def test_controls_decide_about_a_methods_own_idea(results):
    told = findings(results)["Against its control"]
    assert "better: none" in told
    assert "amss" in told and "dus" in told


def test_further_controls_get_a_sentence_of_their_own(results):
    told = findings(with_controls(results, "dus", "relearn-fixed", "amss-fixed"))
    first, further = told["Against its control"].split(". Held")
    assert "relearn-fixed" not in first
    assert " against further controls, better: dus (to relearn-fixed) +" in further
    assert "(to dus-uniform)" not in further


def test_rows_that_did_not_act_are_named(results):
    assert findings(results)["Read with care"] == "relearn-fixed: did not act."


def test_one_seed_proves_nothing(build_results):
    told = conclusions(build_results(seeds=(0,)))
    few = "One seed is too few for a sentence on training, which takes 3, so "
    assert told[0].startswith(f"{few}starvation is not shown.")
    assert told[1].startswith(f"{few}nothing is shown against joint: ")
    assert len(told) == 3


def test_two_seeds_that_happen_to_agree_prove_nothing(build_results):
    """A comparison of 152 samples: +3.9 [+3.9, +3.9] was called above joint."""
    results = build_results(seeds=(0, 1))
    agreed = {"mean": 0.039, "low": 0.039, "high": 0.039, "n": 2, "differing": 12}
    results["summary"]["joint+unimodal"]["difference_to_joint"] |= agreed
    told = findings(results)
    assert told["Against joint"].startswith("2 seeds are too few for a sentence on training")
    assert "Against joint+unimodal" not in told and "Against its control" not in told


def test_rows_that_differ_on_fewer_than_ten_units_are_not_told_apart(results):
    results["summary"]["dus"]["difference_to_joint"]["differing"] = 9
    above, _, undecided = findings(results)["Against joint"].split("; ")
    assert " dus +" not in above and "dus" in undecided


def test_without_joint_nothing_is_ranked(build_results):
    told = conclusions(build_results(rows=("alone:sound", "dus")))
    assert "Nothing is held against joint training: the row joint is missing." in told


@pytest.mark.parametrize("modalities", [("a", "b"), ("a", "b", "c"), ("a", "b", "c", "d")])
def test_there_are_two_to_five_sentences(build_results, modalities):
    told = conclusions(build_results(modalities=modalities))
    assert 2 <= len(told) <= 5
    assert all(sentence.endswith(".") for sentence in told)


def test_results_of_another_schema_are_refused():
    with pytest.raises(BalanceError, match="schema"):
        conclusions({"schema": "equimodal.results/7"})
