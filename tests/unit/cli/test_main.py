"""The command line with its parts replaced: what it reads, calls, prints and returns."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import equimodal
from equimodal.cli.main import main
from equimodal.comparison.execution import Execution
from equimodal.comparison.experiment import Experiment
from equimodal.errors import BalanceError, ToldElsewhere
from equimodal.workers.process import THREADS


def run(status, *, lr=0.1, message=None):
    """A run as results.json holds it, as far as the command line reads it."""
    return {"status": status, "lr": lr, "message": message}


@pytest.fixture
def runs():
    """The runs of the replaced comparison."""
    return [run("finished", lr=None), run("finished")]


@pytest.fixture
def calls(monkeypatch, tmp_path, runs):
    """Calls of `compared`, which is replaced, as (experiment, execution)."""
    monkeypatch.chdir(tmp_path)
    seen = []

    def compared(*given):
        seen.append(given)
        return {"runs": list(runs)}

    monkeypatch.setattr("equimodal.experiments.compare.compared", compared)
    monkeypatch.setattr("equimodal.report.table", lambda results, width: "THE TABLE")
    monkeypatch.setattr("equimodal.report.conclusions", lambda results, words: [f"[SO]{words}"])
    monkeypatch.setattr("equimodal.report.verdict_words", lambda folder, results: f" {folder}")
    return seen


def modules_after(*arguments):
    """Names of the modules that one call of the command line had imported, and its output."""
    code = (
        "import sys; from equimodal.cli.main import main; main(sys.argv[1:])\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return set(done.stderr.split()), done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        [],
        ["compare", "--help"],
        ["train", "--help"],
        ["methods", "-h"],
        ["comapre"],
    ],
    ids=" ".join,
)
def test_help_version_and_typing_errors_import_nothing_heavy(arguments):
    modules, _ = modules_after(*arguments)

    heavy = {"torch", "numpy", "scipy", "sklearn", "rich", "lightning_fabric"}
    assert not modules & heavy


def test_importing_the_package_imports_no_torch():
    code = "import sys, equimodal; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_compare_of_the_package_is_the_function_behind_the_command(calls):
    from equimodal.experiments import compare

    assert equimodal.compare is not compare  # the module
    assert callable(equimodal.compare)


def test_every_public_name_is_there():
    assert all(hasattr(equimodal, name) for name in equimodal.__all__)
    assert set(equimodal.__all__) <= set(dir(equimodal))


def test_an_unknown_name_of_the_package_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'equimodal' has no attribute 'Balance'"):
        _ = equimodal.Balance


def test_version_is_the_package_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"equimodal {equimodal.__version__}\n"


def test_no_argument_prints_the_help(capsys):
    assert main([]) == 0
    assert "examples:" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["compare", "train", "methods", "data", "report"])
def test_every_command_has_help(command, capsys):
    assert main([command, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"usage: equimodal {command}")


def test_compare_without_options_uses_keypad_and_leaves_the_budget_to_the_data(calls):
    assert main(["compare"]) == 0

    assert calls == [(Experiment("keypad"), Execution())]


def test_compare_passes_every_option_on(calls):
    line = (
        "compare --data mosi --data-root files --methods joint,amss --seeds 0,1,7 --epochs 4"
        " --objective fused+unimodal --lr 0.1,0.2 --batch-size 32 --optimizer adam --device cuda"
        " --encoder vision=conv1d --encoder text=mlp --fusion film"
        " --schedule step:60:0.1"
        " --set amss.tau=0.2 --set mosi.views=a,b --jobs 2 --out there --cache decoded --resume"
    )

    assert main(line.split()) == 0

    experiment = Experiment(
        "mosi",
        methods=("joint", "amss"),
        seeds=(0, 1, 7),
        epochs=4,
        lr=(0.1, 0.2),
        batch_size=32,
        optimizer="adam",
        schedule="step:60:0.1",
        objective="fused+unimodal",
        encoders={"vision": "conv1d", "text": "mlp"},
        fusion="film",
        device="cuda",
        settings={"amss.tau": 0.2, "mosi.views": ("a", "b")},
    )
    execution = Execution(data_root="files", cache="decoded", jobs=2, out="there", resume=True)
    assert calls == [(experiment, execution)]


def test_compare_ends_with_table_conclusions_and_where_the_files_are(calls, capsys):
    main(["compare", "--out", "there"])

    assert capsys.readouterr().out.splitlines() == [
        "THE TABLE",
        "",
        "[SO] there",
        "",
        "results: there/results.json",
        "page:    there/report.html",
    ]


def test_report_shows_the_table_and_writes_the_page(calls, capsys, monkeypatch):
    monkeypatch.setattr("equimodal.report.read_results", lambda folder: f"results of {folder}")
    monkeypatch.setattr("equimodal.report.write_page", lambda folder, _: f"{folder}/report.html")
    renewed = []
    monkeypatch.setattr("equimodal.report.renew", lambda *given: renewed.append(given))

    assert main(["report", "there", "--data-root", "data"]) == 0
    assert renewed == [("there", "results of there", "data")]

    assert capsys.readouterr().out.splitlines() == [
        "THE TABLE",
        "",
        "[SO] there",
        "",
        "page:    there/report.html",
    ]


def test_some_diverged_runs_are_a_warning(calls, runs, capsys):
    runs.append(run("diverged", message="Training diverged in epoch 0. Lower the rate."))

    assert main(["compare"]) == 0
    assert capsys.readouterr().err == (
        "equimodal: warning: 1 of 2 trained runs diverged. Training diverged in epoch 0. "
        "Lower the rate.\n"
    )


def test_nothing_but_diverged_runs_is_an_error_after_the_table(calls, runs, capsys):
    runs[1] = run("diverged", message="Lower the rate.")

    assert main(["compare"]) == 2
    said = capsys.readouterr()
    assert said.err == "equimodal: error: 1 of 1 trained runs diverged. Lower the rate.\n"
    assert "THE TABLE" in said.out


def test_a_mistake_is_one_line_and_exit_code_2(calls, capsys, monkeypatch):
    def compared(*_):
        raise BalanceError("wrong,\n  found x; write y.")

    monkeypatch.setattr("equimodal.experiments.compare.compared", compared)

    assert main(["compare"]) == 2
    assert capsys.readouterr().err == "equimodal: error: wrong, found x; write y.\n"


def test_an_error_of_the_file_system_is_one_line_and_exit_code_2(calls, capsys, monkeypatch):
    def compared(*_):
        raise PermissionError(13, "Permission denied", "/there")

    monkeypatch.setattr("equimodal.experiments.compare.compared", compared)

    assert main(["compare"]) == 2
    assert capsys.readouterr().err == "equimodal: error: /there: Permission denied\n"


def test_a_bug_keeps_its_traceback(calls, monkeypatch):
    def compared(*_):
        raise KeyError("bug")

    monkeypatch.setattr("equimodal.experiments.compare.compared", compared)

    with pytest.raises(KeyError):
        main(["compare"])


@pytest.mark.parametrize("given", [["compare", "--seeds", "5"], ["compare", "--out", "a b"]])
def test_an_interrupt_says_how_to_resume(given, calls, capsys, monkeypatch):
    def compared(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("equimodal.experiments.compare.compared", compared)

    assert main(given) == 130
    shown = " ".join(f"'{word}'" if " " in word else word for word in given)
    assert capsys.readouterr().err.strip() == (
        "equimodal: interrupted. Finished epochs are kept; continue with: "
        f"equimodal {shown} --resume"
    )


def test_an_interrupt_names_the_program_by_its_path_where_it_is_not_found(
    calls, capsys, monkeypatch
):
    def compared(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("equimodal.experiments.compare.compared", compared)
    monkeypatch.setattr(sys, "argv", [".venv/bin/equimodal", "compare", "--resume"])
    monkeypatch.setattr("shutil.which", lambda name: None)

    assert main() == 130
    assert capsys.readouterr().err.endswith("continue with: .venv/bin/equimodal compare --resume\n")


@pytest.fixture
def trained(monkeypatch, tmp_path):
    """Calls of `train_run`, which is replaced, as (experiment, execution); what it gives can be
    changed."""
    monkeypatch.chdir(tmp_path)
    seen = []
    given = SimpleNamespace(result={"status": "finished"}, speaks=True, folder=Path("there"),
                            config=SimpleNamespace(title="amss, seed 1", as_dict=dict),
                            raises=None, model=Path("there"))  # fmt: skip

    def train_run(*given_to_it):
        seen.append(given_to_it)
        if given.raises:
            raise given.raises
        return given

    monkeypatch.setattr("equimodal.experiments.train.train_run", train_run)
    monkeypatch.setattr("equimodal.report.run_line", lambda result: "went well")
    monkeypatch.setattr("equimodal.report.run_table", lambda result: "THE TABLE")
    for name in (*THREADS, "CUBLAS_WORKSPACE_CONFIG"):
        monkeypatch.setenv(name, "4")
    return seen, given


def test_train_leaves_the_budget_to_the_data_and_uses_one_thread(trained):
    assert main(["train", "--method", "amss"]) == 0

    assert trained[0] == [(Experiment("keypad", methods=("amss",), seeds=(0,)), Execution())]
    assert {os.environ[name] for name in THREADS} == {"1"}


def test_train_passes_every_option_on(trained):
    line = (
        "train --data mosi --data-root files --method amss --seed 7 --epochs 4"
        " --objective fused+unimodal --lr 0.1 --batch-size 32 --optimizer adam --device cuda"
        " --encoder vision=conv1d --fusion gated"
        " --schedule step:60:0.1"
        " --set amss.tau=0.2 --out there --cache decoded --resume"
    )
    assert main(line.split()) == 0

    experiment = Experiment(
        "mosi",
        methods=("amss",),
        seeds=(7,),
        epochs=4,
        lr=0.1,
        batch_size=32,
        optimizer="adam",
        schedule="step:60:0.1",
        objective="fused+unimodal",
        encoders={"vision": "conv1d"},
        fusion="gated",
        device="cuda",
        settings={"amss.tau": 0.2},
    )
    execution = Execution(data_root="files", cache="decoded", out="there", resume=True)
    assert trained[0] == [(experiment, execution)]


def test_train_ends_with_how_it_went_the_table_and_the_folder(trained, capsys):
    main(["train", "--method", "amss"])

    assert capsys.readouterr().out.splitlines() == [
        "amss, seed 1: went well",
        "",
        "THE TABLE",
        "",
        "run: there",
        "model: there",
    ]


def test_train_names_encoders_and_a_fusion_that_are_no_defaults(trained, capsys):
    trained[1].config.as_dict = lambda: {"encoders": {"image": "resnet18"}, "fusion": "film"}
    main(["train", "--method", "amss"])

    assert capsys.readouterr().out.splitlines()[2] == "image by resnet18; fusion film"


def test_other_ranks_are_silent_when_a_run_is_over(trained, capsys):
    trained[1].speaks = False
    assert main(["train", "--method", "amss"]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("speaks", "said"), [(True, "equimodal: error: no.\n"), (False, "")])
def test_a_run_that_diverged_is_an_error_that_the_first_rank_tells(speaks, said, trained, capsys):
    trained[1].result, trained[1].speaks = {"status": "diverged", "message": "no."}, speaks
    assert main(["train", "--method", "amss"]) == 2
    assert capsys.readouterr() == ("", said)


def test_what_another_rank_tells_is_not_told_twice(trained, capsys):
    trained[1].raises = ToldElsewhere("no data")
    assert main(["train", "--method", "amss"]) == 2
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("rank", "said"),
    [
        (None, "continue with: equimodal train --method amss --resume"),
        ("0", "repeat the command with --resume."),
        ("1", ""),
    ],
)
def test_an_interrupted_run_says_once_how_to_resume(rank, said, trained, capsys, monkeypatch):
    if rank:
        own = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
        for name, value in (own | {"TORCHELASTIC_RUN_ID": "none"}).items():
            monkeypatch.setenv(name, value)
    trained[1].raises = KeyboardInterrupt()
    assert main(["train", "--method", "amss"]) == 130
    told = capsys.readouterr().err.strip()
    assert told.endswith(said)
    assert bool(told) is bool(said)


@pytest.mark.parametrize("mistake", ["--epocs 3", "--set tau"])
def test_processes_of_one_machine_tell_a_mistake_in_the_line_once(
    mistake, trained, capsys, monkeypatch
):
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert main(["train", "--method", "amss", *mistake.split()]) == 2
    assert capsys.readouterr() == ("", "")
    monkeypatch.setenv("LOCAL_RANK", "0")
    assert main(["train", "--method", "amss", *mistake.split()]) == 2
    assert capsys.readouterr().err.startswith("equimodal: error: ")


def test_a_closed_pipe_is_quiet():
    writer = subprocess.Popen(
        [sys.executable, "-m", "equimodal", "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"},
    )
    assert writer.stdout is not None
    writer.stdout.close()
    _, said = writer.communicate()

    assert said == b""
    assert writer.returncode == 128 + signal.SIGPIPE
