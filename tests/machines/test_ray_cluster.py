"""A comparison on a simulated cluster of two machines, which lose what they can lose."""

import subprocess
import sys

import pytest

from places import ROOT

pytestmark = pytest.mark.processes
pytest.importorskip("ray.cluster_utils", reason="needs equimodal[ray]")


@pytest.mark.parametrize("kind", ["ray", "worker", "node", "driver"])
def test_whatever_is_killed_the_numbers_are_those_of_the_local_engine(kind):
    script = ROOT / "benchmarks" / "clusters.py"
    line = [sys.executable, str(script), "--runs", "6", "--kills", "1", "--only", kind]
    ended = subprocess.run(line, capture_output=True, text=True, timeout=900)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "the same" in ended.stdout
