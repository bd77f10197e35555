"""The blocks of Python in the pages of docs/ run as they stand."""

import re

import pytest
import torch

from equimodal import Balancer, LinearSplit, methods
from equimodal.balancing.recorder import Recorder
from places import ROOT

CARDS = sorted(p.relative_to(ROOT) for p in (ROOT / "docs" / "methods").glob("*.md"))


def text(page):
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page):
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), flags=re.DOTALL)


def test_the_page_on_your_model_runs_in_order(capsys):
    torch.manual_seed(0)
    given = {}
    for block in blocks("docs/your-model.md"):
        exec(block, given)

    said = capsys.readouterr().out
    assert "audio: 2,624 parameters" in said
    assert "problem    none found" in said
    assert isinstance(given["balancer"], Balancer)


def test_the_tensorboard_function_writes_every_value():
    given = {}
    exec(blocks("docs/your-model.md")[-1], given)
    written = []

    class Writer:
        def add_scalar(self, *row):
            written.append(row)

    given["to_tensorboard"](Writer())({"balance/fraction/a": 0.5, "balance/fraction/b": 0.2}, 7)
    assert written == [("balance/fraction/a", 0.5, 7), ("balance/fraction/b", 0.2, 7)]


def test_the_page_on_combinations_names_settings_as_they_are():
    given = {"methods": methods}
    (block,) = blocks("docs/methods/composition.md")
    exec(block, given)
    assert [p.config().get("tau", p.config().get("lam")) for p in given["method"].parts] == [0.5, 2]


@pytest.mark.parametrize("page", sorted(p.relative_to(ROOT) for p in (ROOT / "docs").rglob("*.md")))
def test_every_local_link_leads_to_a_file(page):
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text(), flags=re.DOTALL)
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", text)
    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []


def test_the_page_on_diagnosis_diagnoses_a_model_and_names_the_rules(monkeypatch):
    from equimodal.balancing import recorder as recording
    from equimodal.diagnosis import rules
    from unit.diagnosis.own_model.test_model import ENCODERS, LOADERS, Net, forward

    first, second = blocks("docs/diagnosis.md")
    torch.manual_seed(0)
    given = {"model": Net(), "train_loader": LOADERS["train"], "test_loader": LOADERS["test"]}
    exec(
        first.replace("    untrained=", "    forward=forward, untrained="),
        {**given, "forward": forward},
    )
    monkeypatch.setattr(Recorder, "save", lambda self, path: None)
    more = {"Balancer": Balancer, "LinearSplit": LinearSplit, "method": methods.create("joint")}
    exec(second, {**given, **more, "encoders": ENCODERS})

    page = (ROOT / "docs/diagnosis.md").read_text()
    assert all(f"| `{word}` |" in page for word in (*rules.WORDS, *rules.STATES))
    assert rules.LOST_FROM == rules.TELLS_FROM == rules.BEHIND_FROM == 0.03
    assert (rules.WEAK_BELOW, rules.SURE_FROM) == (0.5, 0.95)
    assert recording.EVERY == 10


def test_the_card_of_amss_names_its_rows_settings_and_records():
    card = (ROOT / "docs/methods/amss.md").read_text()
    shown = set(re.findall(r"`([^`\s]+)`", card))
    assert {n for n in methods.names() if n.startswith("amss")} <= shown
    assert set(methods.settings("amss")) <= shown
    assert {"significance", "fraction", "at_clamp", "passed", "untouched_layers",
            "capped_weights"} <= shown  # fmt: skip
    for name in methods.names():
        if name.startswith("amss") and methods.entry(name).is_control:
            row = next(line for line in card.splitlines() if line.startswith(f"| `{name}` | "))
            assert all(f'`{k}="{v}"`' in row for k, v in methods.entry(name).preset.items())


# Arguments that a control does not read.
UNREAD = {"dus-uniform": {"gamma"}, "relearn-fixed": {"lam"}}


@pytest.mark.parametrize(
    "page", ["README.md", "src/equimodal/cli/parser.py", *map(str, CARDS)], ids=lambda page: page
)
def test_a_command_that_sets_a_method_sets_its_controls_alike(page):
    for command in re.findall(
        r"equimodal compare[^`#]*?(?=\n\w*equimodal|\n  equi|`|#|$)", text(page)
    ):
        given = dict(re.findall(r"--set\s+([\w+~.-]+)=(\S+)", command))
        for key, value in given.items():
            row, _, name = key.partition(".")
            for control in methods.entry(row).controls if methods.known(row) else ():
                entry = methods.entry(control)
                fixed = "fraction" in entry.preset and name in {"tau", "significance", "direction"}
                if "~" in row or fixed or name in UNREAD.get(control, ()) or name in entry.preset:
                    continue
                assert given.get(f"{control}.{name}") == value, (command, control)
