"""One run on its own, on the tiny data; the real one is in test_comparison."""

import warnings

import pytest

from equimodal.comparison.execution import Execution, arranged
from equimodal.comparison.experiment import Experiment
from equimodal.errors import BalanceError
from equimodal.experiments import train as single
from equimodal.experiments.train import train_run
from equimodal.storage.files import read_json
from equimodal.training import loop
from equimodal.training.launch import Launch

pytestmark = pytest.mark.usefixtures("tiny", "tiny_plans")


def run(folder, *, method="joint", seed=3, **changes):
    options = {"epochs": 2, "lr": 0.05, "batch_size": 16, "out": folder, **changes}
    return train_run(*arranged({"data": "tiny", "methods": [method], "seeds": [seed], **options}))


def test_the_run_lies_where_a_comparison_puts_it(tmp_path):
    done = run(tmp_path, method="alone:b")
    assert done.folder == tmp_path / "runs/alone-b/seed-3"
    assert done.result == read_json(done.folder / "result.json")
    assert done.speaks
    assert {p.name for p in done.folder.iterdir()} == {
        ".lock", "config.json", "checkpoint.pt", "records.json", "predictions.npz",
        "robustness.npz", "result.json", "model",
    }  # fmt: skip


def test_settings_reach_the_method_and_the_data(tmp_path):
    done = run(tmp_path, method="amss", settings={"amss.tau": 0.5, "tiny.noise": 2})
    assert (done.config.settings, done.config.data_settings) == ({"tau": 0.5}, {"noise": 2})


def test_a_run_that_is_there_is_continued_on_demand_only(tmp_path):
    first = run(tmp_path)
    with pytest.raises(BalanceError, match=r"seed-3' holds this run already; add --resume"):
        run(tmp_path)
    assert run(tmp_path, resume=True).result == first.result
    run(tmp_path, seed=4)
    with pytest.raises(BalanceError, match="other values of epochs"):
        run(tmp_path, epochs=3, resume=True)


def test_a_folder_of_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(BalanceError, match=r"1 other files, such as 'thesis.tex'"):
        run(tmp_path, resume=True)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("ensemble", ["trains nothing", "compare --methods ensemble --resume"]),
        ("alone:*", ["several rows", "alone:a, alone:b, alone:c"]),
        ("ams", ["no row 'ams'", "Did you mean 'amss'"]),
    ],
)
def test_what_is_not_one_run_is_refused(row, words, tmp_path):
    with pytest.raises(BalanceError) as error:
        run(tmp_path, method=row)
    assert all(word in str(error.value) for word in words), error.value
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "processes", "words"),
    [
        ({"batch_size": 16}, 3, ["batch of 16", "among 3 processes", "--batch-size 15 or 18"]),
        ({"batch_size": 2}, 4, ["batch of 2", "among 4", "--batch-size 4."]),
        ({"methods": ["untrained"]}, 2, ["'untrained' trains nothing", "without torchrun or srun"]),
    ],
)
def test_what_several_processes_cannot_share_is_refused(changes, processes, words):
    experiment = Experiment("tiny", **{"methods": ["joint"], "seeds": [3], **changes})
    launch = Launch("torchrun", processes=processes, machines=1, rank=0, local_rank=0)
    with pytest.raises(BalanceError) as error:
        single._planned(experiment, Execution(), launch)
    assert all(word in str(error.value) for word in words), error.value


@pytest.mark.parametrize(("rank", "name"), [(0, "error.txt"), (1, "error-rank-1.txt")])
def test_an_unforeseen_error_is_one_line_and_kept_in_full(rank, name, tmp_path):
    launch = Launch("torchrun", processes=2, machines=2, rank=rank, local_rank=0)
    with pytest.raises(BalanceError) as error, single._errors(tmp_path, launch):
        raise RuntimeError("out of memory\nwith much to say")
    assert str(error.value) == f"RuntimeError: out of memory (see {name} in its folder)"
    assert "with much to say" in (tmp_path / name).read_text()
    with single._errors(tmp_path, launch):
        pass
    assert not list(tmp_path.iterdir())


def test_a_broken_connection_is_no_error_of_this_run(tmp_path):
    launch = Launch("torchrun", processes=2, machines=2, rank=0, local_rank=0)
    with pytest.raises(RuntimeError, match="gloo"), single._errors(tmp_path, launch):
        raise RuntimeError("gloo: connection closed by peer")
    assert not list(tmp_path.iterdir())


def test_warnings_are_told_once_and_epochs_by_line(tmp_path, monkeypatch, capsys):
    original = loop.build

    def warning(*arguments, **options):
        for _ in range(2):
            warnings.warn("beware", stacklevel=1)
        return original(*arguments, **options)

    monkeypatch.setattr(loop, "build", warning)
    run(tmp_path)
    first, second, last = capsys.readouterr().err.splitlines()
    assert first.startswith("epoch 1/2: validation 0.")
    assert second.endswith("0:00 left")
    assert last == "equimodal: warning: beware"


def test_a_row_that_learns_from_others_trains_them_first_or_takes_those_that_are_there(
    tmp_path, capsys
):
    run(tmp_path, method="alone:b")
    before = (tmp_path / "runs/alone-b/seed-3/result.json").read_text()
    done = run(tmp_path, method="umt", settings={"umt.lam": 0.5})
    assert "umt learns from alone:a, alone:b, alone:c, trained first" in capsys.readouterr().err
    assert done.config.method == "umt" and done.result["status"] == "finished"
    assert done.model == tmp_path / "runs/umt/seed-3/model"
    assert (tmp_path / "runs/alone-b/seed-3/result.json").read_text() == before
    for m in "abc":
        assert read_json(tmp_path / f"runs/alone-{m}/seed-3/result.json")["status"] == "finished"
    with pytest.raises(BalanceError, match="'umt, g2d' stands for several rows"):
        train_run(*arranged({
            "data": "tiny", "methods": ["umt", "g2d"], "seeds": [3], "epochs": 2, "out": tmp_path,
        }))  # fmt: skip
