"""The table for terminals."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from equimodal.errors import BalanceError
from equimodal.report import table
from equimodal.report.read.columns import columns
from equimodal.report.read.rows import ordered_rows
from unit.report.synthetic import with_controls, without_differences


def printed(results, width):
    screen = io.StringIO()
    Console(file=screen, width=width, color_system=None).print(table(results, width=width))
    return screen.getvalue()


@pytest.mark.parametrize("count", [2, 3, 6])
@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_no_line_is_too_long_and_no_number_is_cut(build_results, width, count):
    names = ("spectrogram", "image", "text", "gyroscope", "depth", "handwriting")[:count]
    results = build_results(modalities=names, rows=("untrained", "joint:double-lr", "joint", "dus"))
    shown = printed(results, width)
    assert all(len(line) <= width for line in shown.splitlines())
    left_out = shown.partition("left out at this width: ")[2]
    for column in columns(results):
        if column.group not in left_out and column.group != "note":
            for row in ordered_rows(results):
                assert any(
                    line.startswith(row) and column.cells[row] in line
                    for line in shown.splitlines()
                )


def test_eighty_characters_hold_the_evidence(results):
    shown = printed(results, 80)
    assert "left out at this width: vs control and inside" in " ".join(shown.split())
    assert shown.count("probe") >= 2
    assert "step" in shown


def test_a_hundred_and_thirty_characters_hold_everything(results):
    assert "left out" not in printed(results, 130)


def test_a_note_without_room_moves_below_the_table(results):
    assert "relearn-fixed: did not act" in printed(results, 80)
    assert "relearn-fixed: did not act" not in printed(results, 130)
    assert "did not act" in printed(results, 130)


@pytest.mark.parametrize("width", [80, 100, 160])
def test_every_further_control_has_a_line_beneath_the_table(results, width):
    shown = printed(with_controls(results, "dus", "amss-fixed", "relearn-fixed"), width)
    for control in ("amss-fixed", "relearn-fixed"):
        (line,) = [x.strip() for x in shown.splitlines() if x.startswith(f"dus against {control}")]
        difference = results["summary"]["dus"]["controls"][control]
        numbers = [f"{100 * difference[key]:+.1f}" for key in ("mean", "low", "high")]
        assert line == "dus against {}: {} [{}, {}]".format(control, *numbers)
    # Where there is no room for the column of first controls, those stand there too.
    assert ("dus against dus-uniform: +" in shown) == (width == 80)
    assert "amss against" not in shown


def test_controls_that_were_not_trained_are_named(build_results):
    results = build_results(rows=("joint", "amss-fixed", "amss", "dus"))
    with_controls(results, "amss", "amss-x")
    told = " ".join(printed(results, 80).split())
    assert "controls that were not trained: amss-x (of amss) and dus-uniform (of dus)" in told
    assert "not trained" not in printed(build_results(), 80)


def test_results_of_before_there_were_several_controls_are_shown(results):
    new = printed(results, 160)
    for entry in results["summary"].values():
        del entry["controls"]
    assert printed(results, 160) == new


def test_the_epoch_of_convergence_is_a_column_or_a_line(results):
    wide = printed(results, 160)
    (amss,) = [line for line in wide.splitlines() if line.startswith("amss ")]
    # Epochs 6, 7 and 8 from 0, of amss the first and the last.
    assert " 8 (2 of 3) " in amss
    assert "epoch of loss<0.1: the first after which" in wide
    narrow = " ".join(printed(results, 80).split())
    told = narrow.partition("epoch at which the fused training loss falls below 0.1: ")[2]
    assert told.startswith("joint 8, joint+unimodal 8, amss-fixed 8, dus-uniform 8, ")
    assert "amss 8 (2 of 3), dus 8, relearn never" in told
    assert "epoch" not in narrow.partition("left out at this width: ")[2].partition(";")[0]


def test_results_of_before_the_epoch_of_convergence_are_shown_without_it(results):
    for entry in results["summary"].values():
        del entry["converged_epoch"]
    assert "epoch of" not in printed(results, 160)
    assert "fused training loss" not in printed(results, 80)


def test_steps_and_passes_are_columns_or_lines(results):
    for row, entry in results["summary"].items():
        longer = row == "dus"
        entry |= {"steps": 650 if longer else 480.0, "passes": 27.125 if longer else 20.0}
    del results["summary"]["untrained"]["steps"]
    wide = printed(results, 200)
    (amss,), (dus,) = (
        [line for line in wide.splitlines() if line.startswith(f"{row} ")]
        for row in ("amss", "dus")
    )
    assert " 480 " in amss and " 20 " in amss
    assert " 650 " in dus and " 27.1 " in dus
    narrow = " ".join(printed(results, 80).split())
    assert "650 steps, 27.1 passes over the data: dus" in narrow
    assert "480 steps, 20 passes over the data: alone:" in narrow
    results["summary"]["dus"] |= {"steps": 480, "passes": 20}
    narrow = " ".join(printed(results, 80).split())
    assert "every row was trained for 480 steps, 20 passes over the data" in narrow


def test_groups_stand_in_order(results):
    lines = [line.strip() for line in printed(results, 120).splitlines()]
    groups = [
        line for line in lines if line in ("floor", "alone", "baselines", "controls", "methods")
    ]
    assert groups == ["floor", "alone", "baselines", "controls", "methods"]


def test_the_floor_is_not_held_against_joint(results):
    line = next(line for line in printed(results, 120).splitlines() if line.startswith("untrained"))
    assert "[" not in line


def test_names_that_look_like_markup_are_shown_as_they_are(build_results):
    shown = printed(build_results(rows=("joint", "[red]mine[/red]")), 120)
    assert "[red]mine[/red]" in shown


def test_a_row_without_a_finished_run_is_shown(results):
    results["summary"]["dus"] = {"n": 0, "note": "diverged in 3 of 3", "accuracy": None}
    assert "diverged in 3 of 3" in printed(results, 120)


def test_one_seed_shows_means_alone(build_results):
    shown = printed(build_results(seeds=(7,)), 120)
    assert "percent, one seed; differences in points" in shown
    assert "±" not in shown


def test_results_of_another_schema_are_refused():
    with pytest.raises(BalanceError, match=r"equimodal\.results/2"):
        table({})


def test_a_group_with_short_names_has_its_heading_on_one_line(build_results):
    shown = printed(build_results(rows=("joint", "dus")), 80)
    assert "baselines" in [line.strip() for line in shown.splitlines()]


def test_a_difference_of_nothing_has_no_sign(results):
    shown = printed(without_differences(results), 200)
    assert "0.0 [0.0, 0.0]" in shown
    assert "-0.0" not in shown
