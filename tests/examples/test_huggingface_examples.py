"""The examples for Trainer and Accelerate run, by the commands at their top made small."""

import functools
import re
import runpy
import time
from pathlib import Path

import pytest

import equimodal.data

Trainer = pytest.importorskip("transformers").Trainer

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True, scope="module")
def one_keypad():
    """Keypad is made once for all examples."""
    load = equimodal.data.load
    equimodal.data.load = functools.cache(load)
    yield
    equimodal.data.load = load


def run(name, capsys, *arguments):
    """The accuracy that an example prints, in percent."""
    runpy.run_path(str(EXAMPLES / name))["main"]([str(a) for a in arguments])
    (found,) = re.findall(r"^fused: ([\d.]+)%$", capsys.readouterr().out, re.MULTILINE)
    return float(found)


@pytest.fixture
def events_of_their_own(monkeypatch):
    """TensorBoard names a file by the second: the evaluation's would replace the training's."""
    evaluate = Trainer.evaluate

    def a_second_later(trainer):
        time.sleep(1.1)
        return evaluate(trainer)

    monkeypatch.setattr(Trainer, "evaluate", a_second_later)


@pytest.mark.usefixtures("events_of_their_own")
def test_the_trainer_example_trains_above_chance_and_keeps_its_decisions(tmp_path, capsys):
    given = ("--epochs", 2, "--folder", tmp_path, "--report-to", "tensorboard")

    assert run("huggingface_text_image.py", capsys, *given) > 20
    assert [f.name for f in tmp_path.glob("checkpoint-*/equimodal.pt")] == ["equimodal.pt"]
    events = [file.read_bytes() for file in tmp_path.glob("runs/*/events.*")]
    assert any(b"train/balance/fraction/text" in content for content in events)


def test_the_accelerate_example_goes_on_where_it_stopped(tmp_path, capsys):
    given = ("--parts", 2, "--batch-size", 100, "--log-with", "tensorboard", "--folder")
    whole = run("accelerate_keypad.py", capsys, "--epochs", 2, *given, tmp_path / "a")
    run("accelerate_keypad.py", capsys, "--epochs", 1, *given, tmp_path / "b")

    resumed = run("accelerate_keypad.py", capsys, "--epochs", 2, *given, tmp_path / "b")
    assert whole == resumed > 20
    events = [file.read_bytes() for file in tmp_path.glob("b/equimodal/events.*")]
    assert any(b"balance/fraction/sound" in content for content in events)


@pytest.mark.parametrize("name", ["huggingface_text_image.py", "accelerate_keypad.py"])
def test_an_example_is_short_and_shows_its_command(name):
    text = (EXAMPLES / name).read_text()

    assert len(text.splitlines()) < 90
    assert f"python examples/{name}" in text
