import pytest
import torch

from equimodal.comparison.engines.crews import Workplace
from equimodal.comparison.execution import Execution
from equimodal.errors import BalanceError
from equimodal.training import loop
from unit.comparison.conftest import plan_of

pytestmark = pytest.mark.usefixtures("tiny", "tiny_plans")


class Heard:
    def __init__(self):
        self.messages = []

    def started(self, worker, run):
        self.messages.append(("started", run))

    def heard(self, worker, message):
        self.messages.append((message["kind"], message["run"]))


def trained(runs, folder, heard):
    place = Workplace(Execution(here=True, progress=False), "cpu", "tiny")
    return place.trained(runs, folder, None, heard_by=lambda _: heard)


def plan(**options):
    return plan_of("tiny", seeds=1, lr=0.1, epochs=2, **options)


def test_runs_are_trained_in_their_order_and_heard_of(tmp_path):
    heard = Heard()
    runs = plan(methods=["joint", "untrained"]).runs
    assert trained(runs, tmp_path, heard) == {}
    assert heard.messages == [
        ("started", 0), ("epoch", 0), ("epoch", 0), ("finished", 0), ("started", 1),
        ("finished", 1),
    ]  # fmt: skip
    assert (tmp_path / "runs/joint/seed-0/result.json").is_file()


def test_what_fails_is_told_and_the_others_are_trained(tmp_path, monkeypatch):
    original = loop.train

    def train(config, folder, **options):
        if config.method == "amss":
            raise BalanceError("no such thing")
        if config.method == "dus":
            folder.mkdir(parents=True)
            raise RuntimeError("a fault of ours\nmore of it")
        return original(config, folder, **options)

    monkeypatch.setattr(loop, "train", train)
    runs = plan(methods=["amss", "dus", "joint"]).runs
    heard = Heard()
    assert trained(runs, tmp_path, heard) == {
        0: "no such thing",
        1: "RuntimeError: a fault of ours (see error.txt in its folder)",
    }
    assert "more of it" in (tmp_path / "runs/dus/seed-0/error.txt").read_text()
    assert [kind for kind, _ in heard.messages if kind in ("failed", "finished")] == [
        "failed", "failed", "finished",
    ]  # fmt: skip


def test_the_process_keeps_its_number_of_threads(tmp_path):
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    try:
        trained(plan(methods=["untrained"]).runs, tmp_path, Heard())
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)
