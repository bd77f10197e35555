"""The machinery of the field's table, on a tiny table of numbers."""

import importlib.util
import json
import random
import sys
from pathlib import Path

import numpy as np
import pytest

from equimodal import methods
from equimodal.errors import BalanceError
from equimodal.methods import Range

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
from fieldwork import making, memory, numbers, pages, sets, training, trials  # noqa: E402
from fieldwork.kept import Kept, Outcome, read  # noqa: E402
from fieldwork.trials import Trial  # noqa: E402

_SPEC = importlib.util.spec_from_file_location("field", BENCHMARKS / "field.py")
field = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(field)

TINY = sets.FieldSet(
    "tiny", "nobody", sets.Table("tiny.csv", {"a": "numbers", "b": "numbers"}),
    2, (0.01, 0.1, 0.5), "made", batch_size=16,
)  # fmt: skip
TURNS = next(e for e in map(methods.entry, methods.names()) if e.family == "alternation" and e.main)
TAUGHT = next(e for e in map(methods.entry, methods.names()) if e.depends)
ROWS = ["untrained", "alone:a", "alone:b", "joint", "joint:half-lr", "ensemble"]


def test_other_values_lie_half_way_from_the_default_to_the_ends_of_the_range():
    assert trials.other_values(Range("tau", 0.01, 1.0), 0.04) == (0.02, 0.2)
    assert trials.other_values(Range("tau", 1.0, 8.0), None) == (2.0, 4.0)


def test_every_row_gets_the_same_number_of_different_trials():
    for row in ("alone:a", *methods.names()):
        first = trials.first_trials((0.01, 0.03, 0.1))
        every = first + trials.further_trials(row, first[1])
        assert len({t.tag for t in every}) == trials.TRIALS


def test_the_best_mean_on_validation_is_chosen_the_first_of_equals():
    scores = {Trial(0.1): [0.9, None], Trial(0.2): [0.5, 0.6], Trial(0.3): [0.6, 0.5]}
    assert trials.chosen(scores) == Trial(0.2)


def test_holm_stops_at_the_first_that_does_not_stand():
    values = {"a": 0.04, "b": 0.001, "c": 0.02, "d": 0.016}
    assert numbers.holm(values) == {"b", "d", "c", "a"}
    assert numbers.holm(values | {"c": 0.03}) == {"b", "d"}


def kept(name, source, hits):
    """A set whose rows get so many of ten samples right, with each of two seeds."""
    about = {
        "set": name, "source": source, "modalities": ["a"], "planned": [*hits, "other"],
        "refused": {}, "left_out": {}, "budget": {"epochs": 2},
    }  # fmt: skip
    one = Kept(about, samples={s: np.arange(10) for s in (0, 1)})
    one.units = dict(one.samples)
    for row, right in hits.items():
        bits = np.arange(10) < right
        record = {"row": row, "times": 1, "controls": [], "runs": []}
        one.add(record, {s: Outcome(bits, {"a": bits}) for s in (0, 1)})
    return one


def test_sets_of_one_source_count_once_in_a_mean_rank():
    hits = [{"joint": 9, "x": 5}, {"joint": 8, "x": 5}, {"joint": 5, "x": 9}]
    named = zip("abc", ("one", "one", "two"), hits, strict=True)
    found = numbers.ranks([numbers.SetNumbers(kept(*given)) for given in named])
    assert found == {"joint": (1.5, 1, 2), "x": (1.5, 1, 2)}


def test_a_critical_difference_takes_two_sources_and_at_most_ten_rows():
    assert numbers.critical_difference(11, 5) is None
    assert numbers.critical_difference(5, 1) is None
    # Demsar 2006, table 5: q of five classifiers is 2.728
    assert numbers.critical_difference(5, 30) == pytest.approx(2.728 * (30 / 180) ** 0.5, abs=2e-3)


def test_what_is_kept_is_read_as_it_was(tmp_path):
    one = kept("a", "one", {"joint": 9, "x": 5})
    one.outcomes["x"].pop(1)
    one.write(tmp_path)
    found = read(tmp_path)
    assert found.missing() == ["other"]
    assert found.rows == one.rows and found.outcomes["x"].keys() == {0}
    assert found.outcomes["joint"][1].fused.sum() == 9
    assert found.outcomes["joint"][1].probed["a"].sum() == 9
    difference = numbers.SetNumbers(found).difference("x", "joint")
    assert difference.mean == pytest.approx(-0.4)


def test_rows_of_another_budget_are_refused():
    with pytest.raises(BalanceError, match="another epochs: 2, and is to be 3"):
        kept("a", "one", {"joint": 9}).check({"epochs": 3})


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A table in which both columns show the class, under noise."""
    folder, draw = tmp_path_factory.mktemp("root"), random.Random(0)
    lines = ["split,label,a,b"]
    for split, count in (("train", 48), ("validation", 24), ("test", 24)):
        for k in range(count):
            cells = [f"{k % 2 + draw.gauss(0, 0.5):.3f}" for _ in range(2)]
            lines.append(",".join([split, ["no", "yes"][k % 2], *cells]))
    (folder / "tiny.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module", autouse=True)
def few_trials():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "TRIAL_SEEDS", (100,))
        patch.setattr(training.Trainer, "memory", lambda *_: 1)
        yield


def trainer(root, folder):
    return training.Trainer(TINY, str(root), folder, jobs=0, progress=False, seeds=(0, 1))


@pytest.fixture(scope="module")
def made(root, tmp_path_factory):
    """The folder of what is kept, and the set."""
    folder = tmp_path_factory.mktemp("kept")
    rows = [*ROWS, TURNS.name, TAUGHT.name]
    own = trainer(root, folder / "runs")
    making.Making("tiny", own, folder / "data" / "tiny", rows=rows).make()
    return folder, read(folder / "data" / "tiny")


def test_every_row_takes_as_many_updates_as_joint_training(made):
    found = numbers.SetNumbers(made[1])
    longer = f"{TURNS.name} ×2"
    names = ["alone:a", "joint", "joint:half-lr", TURNS.name]
    assert {found.updates(name) for name in names} == {6}
    assert found.updates(longer) == 12 and found.updates("ensemble") == 12
    assert found.updates(TAUGHT.name) == 6 + 12


def test_rates_and_settings_are_chosen_among_five_trials(made):
    rows = made[1].rows
    assert {len(rows[n]["trials"]) for n in ("alone:a", "joint", TURNS.name, TAUGHT.name)} == {5}
    assert [len(rows[n]["trials"]) for n in ("untrained", "joint:half-lr", "ensemble")] == [0] * 3
    assert rows["joint:half-lr"]["chosen"]["lr"] == rows["joint"]["chosen"]["lr"] / 2
    assert TURNS.main.setting in rows[TURNS.name]["trials"][-1]


def test_a_making_that_is_killed_goes_on_to_the_same_outcomes(root, tmp_path, made, monkeypatch):
    place, rows = tmp_path / "data", ROWS
    whole, portions = making.Making._portion, []

    def killed(self, rows):
        portions.append(rows)
        if len(portions) == 2:
            raise KeyboardInterrupt
        whole(self, rows)

    monkeypatch.setattr(making.Making, "_portion", killed)
    with pytest.raises(KeyboardInterrupt):
        making.Making("tiny", trainer(root, tmp_path / "runs"), place, rows=rows).make()
    first = read(place)
    assert list(first.rows) == ROWS[:4]

    # The runs are gone, as in a fresh clone: what is kept is not trained anew but where it teaches.
    monkeypatch.setattr(making.Making, "_portion", whole)
    other = making.Making("tiny", trainer(root, tmp_path / "others"), place, rows=rows)
    assert other.missing == ["ensemble", "joint:half-lr"] and other.trainings == 2
    other.make()
    for name, found in read(place).outcomes.items():
        for seed, outcome in found.items():
            assert np.array_equal(outcome.fused, made[1].outcomes[name][seed].fused)


def test_a_row_that_is_made_anew_equals_the_kept_one(root, tmp_path, made):
    own = trainer(root, tmp_path)
    found = making.Making("tiny", own, made[0] / "data" / "tiny", rows=()).kept
    assert making.again(found, own, "joint") == []
    found.outcomes["joint"][1].fused[0] ^= True
    assert making.again(found, own, "joint") == ["joint, seed 1"]


@pytest.mark.skipif(not memory.RESET.exists(), reason="this system does not tell")
def test_the_memory_of_an_epoch_is_its_peak(tmp_path, monkeypatch):
    def advance(config, folder, *, until, data_root):
        folder.mkdir()
        np.ones(8_000_000).sum()

    monkeypatch.setattr(memory, "advance", advance)
    peak = memory.peak_memory(None, tmp_path / "run", data_root=None)
    assert 60_000_000 < peak < 90_000_000 and not (tmp_path / "run").exists()


def test_pages_are_made_from_what_is_kept_alone(made, tmp_path):
    whole = pages.page(numbers.SetNumbers(made[1]))
    assert f"| `{TURNS.name} ×2` |" in whole and "**This table is not whole**" in whole
    pages.write_pages(made[0], ["tiny"])
    assert (made[0] / "tiny.md").read_text() == whole
    guide = (made[0] / "guide.md").read_text()
    assert "One set cannot say what holds on others" in guide and "unadjusted" in guide
    json.loads((made[0] / "data" / "tiny" / "results.json").read_text())


def test_a_row_that_fails_is_named_with_its_reason(root, tmp_path, monkeypatch):
    def failing(_, runs, *__):
        return {0: "no heads"} if runs else {}

    monkeypatch.setattr(training.Workplace, "trained", failing)
    monkeypatch.setattr(training.Trainer, "score", lambda *_: 0.5)
    own = trainer(root, tmp_path / "runs")
    assert own.chosen(["joint"]) == {} and own.refused == {"joint": "no heads"}


@pytest.mark.parametrize(
    ("given", "told"), [(["--sets", "nothing"], "no set 'nothing'"), ([], "--data-root is needed")]
)
def test_what_cannot_be_made_is_refused_with_what_to_write(given, told, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["field.py", *given])
    with pytest.raises(SystemExit) as ending:
        field.main()
    assert ending.value.code == 2 and told in capsys.readouterr().err
