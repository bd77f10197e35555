import json
import warnings

import pytest

from equimodal.comparison.engines import worker
from equimodal.errors import BalanceError
from equimodal.training import loop
from unit.training.tiny import config


class Pipe:
    """The worker's end of a pipe, which keeps what is sent."""

    def __init__(self):
        self.sent = []

    def send_bytes(self, message):
        self.sent.append(json.loads(message))


def serve(folder, **changes):
    pipe = Pipe()
    job = {"run": 7, "config": config(**changes).as_dict(), "folder": str(folder)}
    worker._serve(pipe, job | {"data_root": None})
    assert all(message["run"] == 7 for message in pipe.sent)
    assert pipe.sent[0] == {"kind": "started", "run": 7}
    return pipe.sent[1:]


def test_a_run_is_told_epoch_by_epoch(tiny, tmp_path):
    *epochs, last = serve(tmp_path, epochs=2)
    assert [(m["kind"], m["epoch"]) for m in epochs] == [("epoch", 1), ("epoch", 2)]
    assert last == {"kind": "finished", "run": 7, "status": "finished"}
    assert (tmp_path / "result.json").exists()


def test_a_mistake_is_told_as_it_is(tiny, tmp_path):
    (message,) = serve(tmp_path, method="amss", settings={"tau": -1.0})
    assert message["kind"] == "failed"
    assert "tau must be a number > 0" in message["message"]
    assert not (tmp_path / "error.txt").exists()


def test_an_unforeseen_error_is_one_line_and_kept_in_full_until_the_run_succeeds(
    tiny, tmp_path, monkeypatch
):
    def broken(*arguments, **options):
        raise RuntimeError("out of memory\nwith much to say")

    with monkeypatch.context() as patch:
        patch.setattr(loop, "build", broken)
        (message,) = serve(tmp_path)
    assert message["message"] == "RuntimeError: out of memory (see error.txt in its folder)"
    assert "with much to say" in (tmp_path / "error.txt").read_text()
    serve(tmp_path, epochs=4)
    assert not (tmp_path / "error.txt").exists()


@pytest.mark.parametrize("error", [BalanceError, KeyError])
def test_a_failing_run_does_not_end_the_worker(tiny, tmp_path, monkeypatch, error):
    def broken(*arguments, **options):
        raise error("no")

    with monkeypatch.context() as patch:
        patch.setattr(loop, "build", broken)
        assert serve(tmp_path)[-1]["kind"] == "failed"
    assert serve(tmp_path)[-1]["kind"] == "finished"


def test_warnings_that_a_user_can_act_on_are_passed_on_once(tiny, tmp_path, monkeypatch):
    original = loop.build

    def warning(*arguments, **options):
        for text in ("beware", "beware"):
            warnings.warn(text, stacklevel=1)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        return original(*arguments, **options)

    monkeypatch.setattr(loop, "build", warning)
    sent = [m["message"] for m in serve(tmp_path, epochs=1) if m["kind"] == "warning"]
    assert sent == ["beware"]


@pytest.mark.parametrize(
    ("device", "error", "here", "lost"),
    [
        ("cuda", RuntimeError("CUDA error: an illegal memory access"), True, True),
        ("cuda", RuntimeError("No card"), False, True),
        ("cuda", RuntimeError("shapes differ"), True, False),
        ("cpu", RuntimeError("CUDA error"), False, False),
    ],
)
def test_an_error_of_the_card_is_told_from_others(
    tiny, tmp_path, monkeypatch, device, error, here, lost
):
    def broken(*arguments, **options):
        raise error

    monkeypatch.setattr(loop, "train", broken)
    monkeypatch.setattr("torch.cuda.is_available", lambda: here)
    monkeypatch.setattr("torch.cuda.is_initialized", lambda: False)
    tmp_path.mkdir(exist_ok=True)
    (message,) = serve(tmp_path, device=device)
    assert message.get("card_lost", False) is lost
