"""The examples run, by the commands at their top made small."""

import functools
import re
import runpy
from pathlib import Path

import pytest

import equimodal.data
from cli import tiny_files
from equimodal import methods

EXAMPLES = Path(__file__).parents[2] / "examples"
ALL = ["fabric_avdigits.py", "lightning_keypad.py", "plain_keypad.py"]


@pytest.fixture(autouse=True, scope="module")
def one_keypad():
    """Keypad is made once for all examples."""
    load = equimodal.data.load
    equimodal.data.load = functools.cache(load)
    yield
    equimodal.data.load = load


def run(name, *arguments):
    runpy.run_path(str(EXAMPLES / name))["main"]([str(a) for a in arguments])


def accuracies(text):
    """Percent by name, from lines such as ``fused: 80.6%``."""
    return {name: float(value) for name, value in re.findall(r"^(\w+): ([\d.]+)%$", text, re.M)}


@pytest.mark.parametrize("method", ["amss", "dus", "relearn"])
def test_the_plain_example_trains_above_chance(method, capsys):
    run("plain_keypad.py", "--method", method, "--epochs", 2)

    found = accuracies(capsys.readouterr().out)
    assert found.keys() == {"fused", "image", "sound"} and found["fused"] > 30


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")
@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_the_lightning_example_trains_and_logs_its_decisions(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run("lightning_keypad.py", "--epochs", 2)

    shown = capsys.readouterr().out
    assert all(f"accuracy/{part}" in shown for part in ("fused", "image", "sound"))
    (lines,) = tmp_path.glob("lightning_logs/version_0/metrics.csv")
    assert "balance/fraction/sound" in lines.read_text()


def test_the_fabric_example_trains_and_goes_on(tmp_path, capsys):
    tiny_files.write_avdigits(tmp_path)
    given = ("--data-root", tmp_path, "--checkpoint", tmp_path / "state.ckpt")
    whole = ("--data-root", tmp_path, "--epochs", 3)

    run("fabric_avdigits.py", *whole)
    expected = capsys.readouterr().out
    run("fabric_avdigits.py", *given, "--epochs", 1)
    run("fabric_avdigits.py", *given, "--epochs", 3)

    assert accuracies(expected).keys() == {"fused", "audio", "image"}
    assert capsys.readouterr().out.endswith(expected)


def test_the_fabric_example_says_what_data_it_needs():
    with pytest.raises(SystemExit, match=r"give the data root \(--data-root\), the folder that"):
        run("fabric_avdigits.py")


@pytest.mark.parametrize("name", ALL)
def test_an_example_is_short_and_shows_its_command(name):
    text = (EXAMPLES / name).read_text()

    assert len(text.splitlines()) < 80
    assert f"python examples/{name}" in text


def test_the_default_method_of_the_examples_exists():
    for name in ALL:
        (default,) = re.findall(r'"--method", default="(.*?)"', (EXAMPLES / name).read_text())
        assert default in methods.names()
