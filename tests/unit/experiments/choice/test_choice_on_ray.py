"""A choice whose runs are tasks of a cluster, on a fake of Ray."""

import equimodal
from equimodal.comparison.engines.on_ray import task
from equimodal.experiments.choice import choice
from unit.comparison.engines import fake_ray

ARGUMENTS = {"epochs": 3, "lr": 0.05, "batch_size": 16, "jobs": 2, "progress": False}


def test_all_stages_of_a_choice_are_trained_by_one_cluster(threads, tmp_path, monkeypatch):
    ray = fake_ray.install(monkeypatch)
    real = task.trained

    def trained(*given):
        threads.jobs += 1  # ten seconds of the budget
        return real(*given)

    monkeypatch.setattr(task, "trained", trained)
    monkeypatch.setattr("equimodal.comparison.engines.local.WorkerProcess", None)
    monkeypatch.setattr(choice, "candidates", lambda found: ["amss"])
    ray.lose[0] = [1]  # the first run of every stage, once
    found = equimodal.choose(budget="200s", out=tmp_path / "c", engine="ray", **ARGUMENTS)
    assert found["trials"] and len(found["fresh"]["seeds"]) >= 1
    assert len(ray.began) == ray.ended == 1
    assert not list((tmp_path / "c" / "search").glob("trial-*"))
