"""A short share of benchmarks/fuzz, and that its findings are found."""

import json
import subprocess
import sys

import pytest

from places import ROOT

COUNTS = {"commands": 40, "tables": 20, "media": 60, "calls": 60, "folders": 15}
SCRIPT = str(ROOT / "benchmarks" / "fuzz" / "run.py")


def run(*arguments):
    """What the script tells, and its exit code."""
    ended = subprocess.run([sys.executable, SCRIPT, *arguments, "--json"], capture_output=True)
    assert ended.stdout, ended.stderr.decode()
    return json.loads(ended.stdout), ended.returncode


@pytest.mark.parametrize("kind", COUNTS)
def test_every_input_ends_in_a_value_or_in_one_clear_refusal(kind):
    told, code = run(kind, "--here", "--count", str(COUNTS[kind]))

    assert told["findings"] == []
    assert sum(told["counts"][kind].values()) == COUNTS[kind]
    assert told["counts"][kind].keys() == {"value", "refused"}
    assert code == 0


def test_a_table_that_is_taken_for_good_and_is_not_is_a_finding():
    rows = [["train", "a", "x y", 0, 1], ["validation", "b", "x z", 2, 3], ["test", "a", "z", 4, 5]]
    case = {"dress": "csv", "rows": rows, "odd": [], "yaml": None, "bytes": []}  # no b in training

    told, code = run("tables", "--case", json.dumps(case))

    assert [finding["word"] for finding in told["findings"]] == ["good input refused"]
    assert code == 1
