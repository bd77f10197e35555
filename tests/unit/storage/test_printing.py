"""Nothing that is printed steers a terminal, whatever came from a file."""

import ast
import io
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

import equimodal
from equimodal.errors import LONGEST, LONGEST_VALUE, BalanceError, bounded, printable, quoted
from equimodal.storage.console import Console
from equimodal.storage.printing import say, warn

TITLE = "\x1b]0;owned\x07\x1b[2J"
texts = st.text(st.characters(codec=None), max_size=30)  # surrogates too


def steers(text):
    return [c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c not in "\n\t‌‍"]


def stream(encoding):
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding)


def written(file):
    file.flush()
    return file.buffer.getvalue().decode(file.encoding)


@given(text=texts, encoding=st.sampled_from(["utf-8", "ascii", "latin-1"]))
def test_any_text_can_be_printed_in_any_encoding(text, encoding):
    file = stream(encoding)
    say(text, file=file)
    assert not steers(written(file))


@given(text=texts, encoding=st.sampled_from(["utf-8", "ascii"]))
def test_any_text_can_stand_in_a_table(text, encoding):
    file = stream(encoding)
    table = Table()
    table.add_column(Text(text))
    table.add_row(Text(text))
    console = Console(file=file, width=60)
    console.print(table)
    console.print(text, markup=False, soft_wrap=True)
    assert not steers(written(file))


@given(text=texts)
def test_a_message_is_printable(text):
    assert not steers(str(BalanceError(f"found '{text}'.")))


@pytest.mark.parametrize("text", ["plain", "naïve ± 3", "日本語", "क्‍ष", "two\nlines\tand a tab"])
def test_what_can_be_read_stays_as_it_is(text):
    assert printable(text) == text


def test_escapes_are_shown():
    assert printable(TITLE) == r"\x1b]0;owned\x07\x1b[2J"
    assert printable("a\ud800") == r"a\ud800"


def test_a_colour_of_ours_stays_a_colour():
    file = io.StringIO()
    Console(file=file, force_terminal=True, color_system="standard").print(
        Text(f"good{TITLE}", style="green")
    )
    assert "\x1b[32m" in file.getvalue()
    assert "\x1b]" not in file.getvalue()


def test_a_warning_is_one_line(capsys):
    warn(f"a\nb{TITLE}")
    assert capsys.readouterr().err == "equimodal: warning: a b\\x1b]0;owned\\x07\\x1b[2J\n"


@given(length=st.integers(0, 10_000), most=st.integers(100, 3000))
def test_a_long_text_keeps_its_beginning_and_its_end(length, most):
    text = "".join(chr(97 + k % 26) for k in range(length))
    short = bounded(text, most)
    assert len(short) <= most
    assert short == text or (text.startswith(short[:20]) and text.endswith(short[-20:]))


def test_a_message_is_bounded_and_ends_with_what_to_write():
    said = str(BalanceError(f"found {'x' * 10**6}; write y."))
    assert len(said) <= LONGEST
    assert said.endswith("; write y.")


def test_nothing_else_prints():
    root = Path(equimodal.__file__).parent
    for path in root.rglob("*.py"):
        if path.parent.name == "storage":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        assert not any(isinstance(f, ast.Name) and f.id == "print" for f in calls), path
        imported = [n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
        assert "rich.console" not in imported, path


def test_a_message_is_one_line():
    assert str(BalanceError("found tensor([[1.],\n        [2.]]),\n\twrite 1.")) == (
        "found tensor([[1.], [2.]]), write 1."
    )


class Unspeakable:
    """An object that cannot say what it is."""

    def __repr__(self):
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0.5, "0.5"),
        ("a\nb", r"'a\nb'"),
        (torch.tensor(0.5), "tensor(0.5000)"),
        (torch.ones(200, 3), "Tensor of shape (200, 3) and type torch.float32"),
        (np.ones((2, 3)), "ndarray of shape (2, 3) and type float64"),
        ([torch.eye(2)], "[tensor([[1., 0.], [0., 1.]])]"),
        (10**5000, "a value of the type int"),
        (Unspeakable(), "a value of the type Unspeakable"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_in_a_message_is_one_line(value, told):
    assert quoted(value) == told


@given(size=st.integers(0, 10_000))
def test_a_long_value_in_a_message_is_shortened(size):
    text = quoted("x" * size)
    assert len(text) <= LONGEST_VALUE
    assert (text == repr("x" * size)) == (size + 2 <= LONGEST_VALUE)
    assert text[0] == text[-1] == "'"
