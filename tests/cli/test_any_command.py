"""Any command from the table of options: done, or refused in one line that leaves no trace."""

import contextlib
import io
import os
import unicodedata

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from equimodal.cli.main import main
from equimodal.comparison.command.options import COMMANDS, options_of

HUGE, DEEP = "9" * 5000, "[" * 3000
_odd = st.sampled_from([
    "", " ", ",", "=", "nan", "-1", "0", "1e999", HUGE, DEEP, "\x1b[2J", "\udcff", "none", "a,a",
    "x" * 5000, "²", "1_0", "{}", "--", "-x", "keypad.seed=1", f"amss.tau={DEEP}", "sgd.momentum=2",
    "keypad.snr=1e999", "cremad", "missing.csv", "a/x.jsonl", "cuda:²", "step:0:1", "image=", "é±",
])  # fmt: skip
_values = _odd | st.text(st.characters(exclude_characters="\0"), max_size=8)


@st.composite
def lines(draw):
    """A command with some of its options, at least one of whose values cannot be."""
    command = draw(st.sampled_from(sorted(COMMANDS)))
    flags = [option for option in options_of(command).values() if option.flag]
    # What is drawn may be right by chance: this ends it before anything is trained.
    line = (
        [command, "--data=keypad", "--batch-size=1"] if command != "reproduce" else [command, "?"]
    )
    for option in draw(st.lists(st.sampled_from(flags), max_size=5)):
        value = "" if option.metavar is None else f"={draw(_values)}"
        if option.name not in ("batch_size", "show"):
            line.append(f"{option.flag}{value}")
    return line


def _run(line, encoding):
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(line)
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode(encoding))
    return code, *texts


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(line=lines(), encoding=st.sampled_from(["utf-8", "ascii"]))
def test_any_line_is_refused_in_one_line_and_leaves_no_trace(folder, line, encoding):
    code, out, err = _run(line, encoding)

    assert code == 2, (line, out, err)
    assert out == ""
    assert err.startswith("equimodal: error: ")
    assert err.endswith("\n")
    assert not [c for c in err[:-1] if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")]
    assert len(err) < 2100
    assert not os.listdir(folder)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    command=st.sampled_from(["methods", "data", "data check", "data get", "report", "diagnose"]),
    value=_values.filter(lambda text: text.strip() and not text.startswith(("-", "."))),
)
def test_any_name_is_refused_in_one_line(folder, command, value):
    code, _, err = _run([*command.split(), value], "ascii")

    assert code in (0, 2)
    assert (code == 0) == (err == "")
    assert err.count("\n") == (code == 2), ascii(err)
    assert not os.listdir(folder)
