"""The result of one run as a table."""

import io

import pytest
from rich.console import Console

from equimodal.report import run_line, run_table


def measures(accuracy):
    return {
        "accuracy": accuracy,
        "macro_f1": 0.5,
        "mean_average_precision": 0.25,
        "modality_accuracy": {"a": 0.125, "b": 0.75},
        "probe_accuracy": {"a": 0.875, "b": 1.0},
    }


@pytest.fixture
def result():
    return {
        "best_epoch": 3,
        "epochs": 20,
        "seconds": 12.04,
        "acted": True,
        "message": None,
        "test": measures(0.9184),
        "validation": measures(0.93),
    }


def test_every_measure_is_a_row_with_both_splits_in_percent(result):
    screen = io.StringIO()
    Console(file=screen, width=80, color_system=None).print(run_table(result))
    rows = [line.split() for line in screen.getvalue().splitlines()]
    assert ["accuracy", "91.8", "93.0"] in rows
    assert ["macro", "F1", "50.0", "50.0"] in rows
    assert ["inside:", "b", "75.0", "75.0"] in rows
    assert ["probe:", "a", "87.5", "87.5"] in rows


def test_a_line_says_how_the_run_went(result):
    assert run_line(result) == "epoch 4 of 20 selected, 12.0 s"
    result |= {"samples_per_second": 1234.5, "waiting_share": 0.083}
    assert run_line(result).endswith("12.0 s, 1,234 samples/s, 8.3 % of a step waiting for data")
    del result["samples_per_second"]
    result |= {"best_epoch": None, "acted": False, "message": "trained by 2 processes"}
    assert run_line(result) == "12.0 s, did not act, trained by 2 processes"
