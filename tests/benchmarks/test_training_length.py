"""The page of the lengths of training, from made results."""

import importlib.util
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
_SPEC = importlib.util.spec_from_file_location("training_length", BENCHMARKS / "training_length.py")
training_length = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(training_length)


def results(gain, *, reached):
    converged = {"mean": 4.0 if reached else None, "sd": None, "reached": reached, "n": 3}
    interval = {"mean": gain, "low": gain - 0.01, "high": gain + 0.01}
    joint = {
        "accuracy": {"mean": 0.9, "sd": 0.01, "low": 0.88, "high": 0.92},
        "converged_epoch": converged, "difference_to_joint": None,
        "probe_difference_to_alone": {"sound": interval},
    }  # fmt: skip
    other = {"difference_to_joint": interval}
    summary = {"alone:sound": other, "joint": joint, "x": other}
    return {"config": {"seeds": [0, 1, 2]}, "summary": summary}


def test_a_row_is_held_against_joint_at_every_length():
    found = {10: results(0.02, reached=3), 30: results(-0.01, reached=0)}
    lines = list(training_length.lines(found))
    assert lines[0] == "| | 10 epochs | 30 epochs |"
    assert "| `x` minus `joint` | +2.0 [+1.0, +3.0] | -1.0 [-2.0, 0.0] |" in lines
    assert "| epoch in which its loss falls below 0.1 | 5 (3 of 3) | never |" in lines
    assert not any("alone:sound" in line for line in lines)


def test_default_rows_are_the_methods_of_a_default_comparison():
    rows = training_length.default_rows()
    assert rows[:2] == ["joint", "joint+unimodal"] and not any("fixed" in row for row in rows)


def test_tables_differ_in_what_varies_alone(tmp_path, monkeypatch):
    def write(root, folder, seed):
        (folder / "made.csv").write_text("split,label,audio,image\n")
        return folder / "made.csv"

    monkeypatch.setattr(training_length, "write", write)
    found = training_length.tables(tmp_path, tmp_path / "tables")
    plain, varied = (found[n].with_suffix(".yaml").read_text() for n in ("as they are", "varied"))
    assert "channels: 1, crop: 24}" in plain
    assert varied == plain.replace("crop: 24", "crop: 24, augment: [crop]")
