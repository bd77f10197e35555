"""Models of every common kind: balancing adds a few lines, and `joint` changes nothing."""

import functools
import re
from pathlib import Path

import pytest
import torch

import equimodal.data
from contract.training import assert_same_weights

EXAMPLES = Path(__file__).parents[2] / "examples"
RECIPES = [
    "adapters.py", "clip_dual_encoder.py", "cnn_gru.py", "image_tabular.py", "three_sensors.py",
    "vilt_single_stream.py",
]  # fmt: skip
MOST_LINES = 8
ADDED, REPLACES = re.compile(r"  # \+$"), re.compile(r"^( *).*  # was: (.*)$")


@pytest.fixture(autouse=True, scope="module")
def made_once():
    """Keypad is made once for all examples."""
    load = equimodal.data.load
    equimodal.data.load = functools.cache(load)
    yield
    equimodal.data.load = load


def without_balancing(text):
    """The program without the lines that balancing adds, with those that it replaces."""
    kept = [line for line in text.splitlines() if not ADDED.search(line)]
    return "\n".join(REPLACES.sub(r"\1\2", line) for line in kept)


def trained(text, *arguments):
    """Weights of the model that a program trains."""
    program = {"__name__": "recipe"}
    exec(compile(text, "recipe", "exec"), program)
    return dict(program["main"]([str(a) for a in arguments]).named_parameters())


@pytest.mark.parametrize("name", RECIPES)
def test_joint_equals_the_program_without_balancing_bit_for_bit(name):
    text = (EXAMPLES / name).read_text()
    plain = without_balancing(text)
    assert "equimodal import Balancer" not in plain and "balancer" not in plain

    expected = trained(plain, "--epochs", 1)
    assert_same_weights(trained(text, "--epochs", 1, "--method", "joint"), expected)


@pytest.mark.parametrize("name", RECIPES)
def test_a_method_trains_it_another_way_and_above_chance(name, capsys):
    text = (EXAMPLES / name).read_text()
    joint = trained(text, "--epochs", 1, "--method", "joint")
    capsys.readouterr()
    balanced = trained(text)
    (fused,) = re.findall(r"^fused: ([\d.]+)%$", capsys.readouterr().out, re.MULTILINE)
    (chance,) = re.findall(r"chance is (\d+)%", text)
    assert float(fused) > 1.5 * float(chance)
    assert any(not torch.equal(joint[n], balanced[n]) for n in joint)


@pytest.mark.parametrize("name", RECIPES)
def test_what_a_user_adds_is_few_lines(name):
    lines = (EXAMPLES / name).read_text().splitlines()
    added = [line for line in lines if ADDED.search(line) or REPLACES.search(line)]
    assert 0 < len(added) <= MOST_LINES
    assert len(lines) < 95


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_shows_its_command_and_has_its_line_in_the_page(name):
    assert f"python examples/{name}" in (EXAMPLES / name).read_text()
    page = EXAMPLES.parent / "docs" / "recipes-for-models.md"
    assert f"(../examples/{name})" in page.read_text()
