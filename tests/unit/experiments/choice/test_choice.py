import json

import pytest
import torch

import equimodal
from equimodal.comparison.rows import slug
from equimodal.errors import BalanceError
from equimodal.experiments.choice import choice

ARGUMENTS = {"epochs": 9, "lr": 0.05, "batch_size": 16, "jobs": 1, "progress": False}


@pytest.fixture
def suggested(monkeypatch):
    monkeypatch.setattr(choice, "candidates", lambda found: ["dus", "amss"])


def test_a_choice_is_searched_confirmed_on_fresh_seeds_and_handed_back(
    threads, suggested, tmp_path
):
    found = equimodal.choose(budget="260s", out=tmp_path / "c", **ARGUMENTS)
    assert found == json.loads((tmp_path / "c" / "choice.json").read_text())
    # An epoch, 6 jobs of the diagnosis, the search until 60 % are gone, then fresh seeds.
    assert 200 <= found["budget"]["spent"] <= 260
    complete = [t for t in found["trials"] if t["state"] == "complete"]
    pruned = [t for t in found["trials"] if t["state"] == "pruned"]
    assert complete and pruned
    assert [t["trial"] for t in found["trials"][:2]] == ["dus gamma=1", "amss tau=0.2"]
    assert len(found["fresh"]["seeds"]) >= 2 and 0 not in found["fresh"]["seeds"]
    rows = found["fresh"]["rows"]
    pick = found["pick"]
    assert rows[pick["row"]]["validation"] == max(row["validation"] for row in rows.values())
    weights = torch.load(tmp_path / "c" / pick["model"], weights_only=True)
    run = tmp_path / "c" / f"confirmed/runs/{slug(pick['row'])}/seed-{pick['seed']}/checkpoint.pt"
    best = torch.load(run, weights_only=True)["best"]
    assert weights.keys() == best.keys()
    assert all(torch.equal(weights[name], best[name]) for name in best)
    assert (tmp_path / "c" / found["page"]).exists()
    assert not list((tmp_path / "c" / "search").glob("trial-*"))


def test_an_interrupted_choice_goes_on_and_its_time_counts(
    threads, suggested, tmp_path, monkeypatch
):
    def interrupted(*_):
        raise KeyboardInterrupt

    arguments = ARGUMENTS | {"budget": "220s", "out": tmp_path}
    with monkeypatch.context() as patch:
        patch.setattr(choice, "confirmed", interrupted)
        with pytest.raises(KeyboardInterrupt):
            equimodal.choose(**arguments)
    searched = threads.jobs
    with pytest.raises(BalanceError, match="holds a choice already; add --resume"):
        equimodal.choose(**arguments)
    spent = json.loads((tmp_path / "state.json").read_text())["spent"]
    assert spent >= 130
    monkeypatch.setattr(choice, "TimeBudget", lambda seconds, spent: Spent(seconds, spent, threads))
    found = equimodal.choose(resume=True, **arguments)
    # Neither the diagnosis nor the search was repeated.
    assert threads.jobs - searched == 3 * len(found["fresh"]["seeds"])
    assert found["budget"]["spent"] >= spent
    assert equimodal.choose(resume=True, **arguments) == found


class Spent:
    """A budget of which some is gone; every job takes ten seconds."""

    def __init__(self, seconds, spent, threads):
        self.seconds, self._threads = seconds, threads
        self._begin = 10.0 * threads.jobs - spent

    @property
    def spent(self):
        return 10.0 * self._threads.jobs - self._begin

    @property
    def left(self):
        return self.seconds - self.spent


def test_without_a_method_to_try_the_baselines_alone_are_confirmed(threads, tmp_path, monkeypatch):
    monkeypatch.setattr(choice, "candidates", lambda found: [])
    found = equimodal.choose(budget="400s", out=tmp_path, **ARGUMENTS)
    assert list(found["fresh"]["rows"]) == ["joint", "joint+unimodal"]
    assert found["trials"] == [] and found["notes"][0].startswith("the diagnosis suggests no")


def test_a_budget_that_is_too_short_says_what_to_write_and_keeps_what_is_done(
    threads, suggested, tmp_path
):
    wanted = r"budget of 80s is too short.*--resume --budget \d+[sm]"
    with pytest.raises(BalanceError, match=wanted):
        equimodal.choose(budget=80, out=tmp_path, **ARGUMENTS)
    assert (tmp_path / "diagnosis" / "results.json").exists()


def test_without_optuna_it_says_what_to_install_before_anything_is_trained(tmp_path, monkeypatch):
    monkeypatch.setattr(choice, "find_spec", lambda name: None)
    with pytest.raises(BalanceError, match=r"pip install 'equimodal\[choose\]'"):
        equimodal.choose(budget="1m", out=tmp_path / "c", progress=False)
    assert not (tmp_path / "c").exists()


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(BalanceError, match=r"holds other files, such as 'thesis.txt'"):
        equimodal.choose(budget="1m", out=tmp_path, progress=False)


def test_a_choice_with_other_options_is_not_continued(threads, suggested, tmp_path):
    with pytest.raises(BalanceError, match="too short"):
        equimodal.choose(budget=80, out=tmp_path, **ARGUMENTS)
    with pytest.raises(BalanceError, match=r"a choice with epochs 9, this one has 8"):
        equimodal.choose(budget=80, out=tmp_path, resume=True, **ARGUMENTS | {"epochs": 8})


def test_a_budget_that_cannot_work_is_refused_after_one_epoch(threads, tmp_path, monkeypatch):
    """`--budget 5` was silently five seconds, and refused after 34."""
    monkeypatch.setattr("equimodal.experiments.choice.measuring.CLOSING", 300.0)
    wanted = r"one epoch took .* s, so that diagnosing, one trial and 2 fresh seeds of 9 epochs"
    with pytest.raises(BalanceError, match=wanted):
        equimodal.choose(budget="4m", out=tmp_path, **ARGUMENTS)
    assert threads.jobs == 1
    assert not (tmp_path / "diagnosis").exists() and not (tmp_path / "measured").exists()


def test_what_a_choice_takes_at_least_grows_with_its_epochs(threads, tmp_path):
    from equimodal.experiments.choice import measuring

    class Now:
        jobs = 2

    short, long = (
        measuring._least(Now, {"epoch": 2.0, "beside": 1.0, "epochs": n}) for n in (1, 11)
    )
    assert long - short == pytest.approx(9.5 * 20 / 2)


@pytest.mark.parametrize("slow", [0, 1])
def test_it_is_never_later_than_a_tenth(threads, suggested, tmp_path, monkeypatch, slow):
    """`--budget 3m` took 4m: jobs of the confirmation last longer than those before."""
    real = choice.confirmed

    def slower(task, references, winner):
        monkeypatch.setattr(type(task.budget), "spent", property(lambda own: clock(own)))
        return real(task, references, winner)

    spent = choice.TimeBudget.spent.fget
    jobs = []

    def clock(budget):
        jobs.append(threads.jobs)
        return spent(budget) + (30.0 if slow else 3.0) * (threads.jobs - jobs[0])

    monkeypatch.setattr(choice, "confirmed", slower)
    arguments = {"budget": "260s", "out": tmp_path / "c", **ARGUMENTS}
    if slow:
        with pytest.raises(BalanceError, match="over before one fresh seed was trained"):
            equimodal.choose(**arguments)
        return
    found = equimodal.choose(**arguments)
    assert found["budget"]["spent"] <= 1.1 * 260
    assert len(found["fresh"]["seeds"]) >= 1
