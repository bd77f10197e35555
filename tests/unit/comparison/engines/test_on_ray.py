"""The engine on a fake of the calls of Ray that it makes; tests/machines has the real one."""

import ast
import json

import pytest

import equimodal
from equimodal.comparison.engines.crews import Workplace
from equimodal.comparison.execution import Execution
from equimodal.comparison.progress import Silence
from equimodal.errors import BalanceError
from equimodal.training import loop
from places import ROOT
from unit.comparison.conftest import plan_of
from unit.comparison.engines import fake_ray

pytestmark = pytest.mark.usefixtures("tiny", "tiny_plans")


@pytest.fixture
def ray(monkeypatch):
    return fake_ray.install(monkeypatch)


@pytest.fixture
def runs():
    return plan_of("tiny", methods=["joint", "alone:a"], seeds=1, lr=0.1, epochs=3).runs


class Heard(Silence):
    def __init__(self):
        self.messages = []

    def started(self, worker, run):
        self.messages.append(("started", run, worker))

    def heard(self, worker, message):
        what = message.get("epoch") or message.get("message") or message.get("status")
        self.messages.append((message["kind"], message["run"], what))

    def of(self, run):
        return [(kind, what) for kind, other, what in self.messages if other == run]


def trained(runs, folder, device="cpu", **given):
    heard = Heard()
    place = Workplace(Execution(engine="ray", progress=False, **given), device, "tiny")
    folder.mkdir(exist_ok=True)
    return place.trained(runs, folder, None, heard_by=lambda _: heard), heard


def results(folder, runs):
    def read(run):
        found = json.loads((folder / run.folder / "result.json").read_text())
        return {k: v for k, v in found.items() if "second" not in k and k != "waiting_share"}

    return [read(run) for run in runs]


def local(runs, folder):
    folder.mkdir()
    place = Workplace(Execution(here=True, progress=False), "cpu", "tiny")
    assert place.trained(runs, folder, None) == {}
    return results(folder, runs)


def test_every_run_is_a_task_and_its_numbers_are_those_of_this_process(ray, tmp_path):
    runs = plan_of("tiny", methods=["umt"], seeds=1, lr=0.1, epochs=3).runs
    failures, heard = trained(runs, tmp_path / "ray")
    assert failures == {}
    assert results(tmp_path / "ray", runs) == local(runs, tmp_path / "here")
    for run in range(len(runs)):
        assert [kind for kind, _ in heard.of(run)] == ["started", *["epoch"] * 3, "finished"]
    learner = next(k for k, run in enumerate(runs) if run.learns_from)
    assert heard.messages[-1][1] == learner  # after all from which it learns
    (asked,) = ray.options
    assert (asked["num_cpus"], asked["num_gpus"]) == (1.0, 0.0)
    assert asked["runtime_env"]["env_vars"]["OMP_NUM_THREADS"] == "1"
    assert ray.began[0]["address"] == "local" and ray.ended == 1


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_run_that_loses_its_worker_goes_on_from_its_last_epoch(ray, runs, tmp_path, after):
    ray.lose[0] = [after]  # messages
    failures, heard = trained(runs, tmp_path / "ray")
    assert failures == {}
    # An epoch that is finished while its worker dies of telling it is not trained again.
    epochs = [what for kind, what in heard.of(0) if kind == "epoch"]
    assert epochs == [epoch for epoch in (1, 2, 3) if epoch != after]
    (told,) = [what for kind, what in heard.of(0) if kind == "warning"]
    assert "goes on from its last epoch" in told
    assert results(tmp_path / "ray", runs) == local(runs, tmp_path / "here")


def test_a_run_whose_worker_is_always_lost_fails_and_the_others_go_on(
    ray, runs, tmp_path, monkeypatch
):
    real = loop.train

    def train(config, folder, **given):
        if config.method == "joint":
            raise fake_ray.Lost
        return real(config, folder, **given)

    monkeypatch.setattr(loop, "train", train)
    failures, heard = trained(runs, tmp_path / "ray")
    assert failures.keys() == {0} and "lost 4 times without finishing an epoch" in failures[0]
    assert ray.cancelled == [0]
    assert heard.of(1)[-1] == ("finished", "finished")


def test_a_run_that_gets_further_each_time_never_fails(ray, tmp_path):
    long = plan_of("tiny", methods=["joint"], seeds=1, lr=0.1, epochs=12).runs
    ray.lose[0] = [2] * 11  # each try tells of one epoch and dies of the next
    assert trained(long, tmp_path / "ray")[0] == {}


def test_what_ray_gives_up_fails_with_its_first_line(ray, runs, tmp_path):
    ray.broken[1] = fake_ray.RayError("The environment cannot be set up\nwith much to say")
    failures, _ = trained(runs, tmp_path / "ray")
    assert failures[1] == "Ray gave it up: The environment cannot be set up"


def test_a_machine_that_does_not_share_the_folder_fails_its_runs(ray, runs, tmp_path):
    from equimodal.comparison.engines.on_ray import task

    said = task.trained({"run": 0}, str(tmp_path / "nowhere"), None, None)
    assert said["kind"] == "failed"
    assert "is not the same folder on all machines of the cluster" in said["message"]


def test_a_result_that_never_arrives_here_fails_its_run(ray, runs, tmp_path, monkeypatch):
    from equimodal.comparison.engines.on_ray import task, tasks

    monkeypatch.setattr(tasks, "_ARRIVAL", 0.3)
    over = {"kind": "finished", "status": "finished"}
    monkeypatch.setattr(task, "carried_out", lambda job, tell: over)
    failures, _ = trained(runs, tmp_path / "ray")
    assert len(failures) == len(runs) and "storage that they share" in failures[0]


def test_shares_of_a_run_and_jobs_are_rays(ray, runs, tmp_path):
    from equimodal.comparison.engines.on_ray.cluster import room

    trained(runs, tmp_path / "ray", "cuda:all", gpus_per_run=0.25, cpus_per_run=0.5, jobs=6)
    assert (ray.options[0]["num_cpus"], ray.options[0]["num_gpus"]) == (0.5, 0.25)
    assert ray.began[0]["num_cpus"] >= 3
    ray.machines = [
        {"Alive": True, "Resources": {"CPU": 8.0, "GPU": 2.0}},
        {"Alive": True, "Resources": {"CPU": 3.0}},
        {"Alive": False, "Resources": {"CPU": 64.0}},
    ]
    assert room(Execution(engine="ray"), "cpu") == 11
    assert room(Execution(engine="ray", cpus_per_run=2), "cpu") == 5
    assert room(Execution(engine="ray"), "cuda") == 2
    assert room(Execution(engine="ray", gpus_per_run=0.25), "cuda") == 8


def test_a_cluster_that_can_never_train_a_run_is_refused_and_one_that_may_grow_waits(
    ray, runs, tmp_path, capsys
):
    with pytest.raises(BalanceError, match=r"No machine of the cluster has the 1 CPUs and 2 GPUs"):
        trained(runs, tmp_path / "ray", "cuda", gpus_per_run=2)
    assert trained(runs, tmp_path / "ray", cpus_per_run=9, address="10.0.0.1:6379")[0] == {}
    assert "runs wait until one has" in capsys.readouterr().err


def test_a_cluster_of_the_users_is_used_and_left_alone(ray, runs, tmp_path):
    ray.init("local")
    trained(runs, tmp_path / "ray")
    assert len(ray.began) == 1 and ray.ended == 0


def test_an_address_where_nobody_answers_is_told(ray, runs, tmp_path):
    with pytest.raises(BalanceError, match=r"no Ray cluster at 'nowhere:1' \(nobody answers\)"):
        trained(runs, tmp_path / "ray", address="nowhere:1")


@pytest.mark.parametrize(
    ("given", "device", "words"),
    [
        ({"address": "auto"}, "cpu", "--address belongs to --engine ray"),
        ({"gpus_per_run": 0.5}, "cpu", "--gpus-per-run belongs to --engine ray"),
        ({"engine": "ray", "here": True}, "cpu", "leave out one of the two"),
        ({"engine": "ray"}, "cuda:1", "in the place of --device cuda:1 write --device cuda"),
    ],
)
def test_what_does_not_go_together_is_refused(ray, given, device, words):
    with pytest.raises(BalanceError, match=words):
        Workplace(Execution(**given), device, "tiny").check()


def test_without_the_extra_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr("equimodal.comparison.engines.crews.find_spec", lambda name: None)
    with pytest.raises(BalanceError, match=r"pip install 'equimodal\[ray\]'"):
        equimodal.compare("tiny", engine="ray", out=tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_ray_is_imported_by_its_own_folder_alone_and_by_that_on_demand():
    source = ROOT / "src" / "equimodal"
    for path in source.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] == "ray" for name in names):
                assert path.parent.name == "on_ray", path
    crews = (source / "comparison/engines/crews.py").read_text()
    top = [n for n in ast.parse(crews).body if isinstance(n, ast.ImportFrom)]
    assert not [n for n in top if "on_ray" in (n.module or "")]


def test_a_table_is_decoded_once_on_every_machine(ray, tmp_path, monkeypatch):
    from equimodal.comparison.engines.on_ray import task

    asked = []

    def ready(data, root, *, cache):
        asked.append((data, root, cache))
        return "my.csv", "/decoded/on/this/machine"

    monkeypatch.setattr("equimodal.data.sources.ready", ready)
    seen = []
    over = {"kind": "finished", "status": "finished"}
    monkeypatch.setattr(task, "carried_out", lambda job, tell: seen.append(job) or over)
    monkeypatch.chdir(tmp_path)
    table = task.origin("my.csv", Execution(data_root="files", cache=None))
    for run in range(3):
        job = {"run": run, "data_root": "/decoded/on/the/head"}
        task.trained(job, str(tmp_path), table, None)
    assert asked == [(f"{tmp_path}/my.csv", f"{tmp_path}/files", None)]
    assert {job["data_root"] for job in seen} == {"/decoded/on/this/machine"}
