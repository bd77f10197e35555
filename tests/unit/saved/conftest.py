"""A small table without files, and models that were trained on it in this process."""

import csv
import json

import numpy as np
import pytest

from equimodal.comparison.execution import Execution
from equimodal.comparison.experiment import Experiment
from equimodal.comparison.plan import loadable, make_plan
from equimodal.saved.model import load
from equimodal.saved.seal import sealed
from equimodal.saved.writing import write_model
from equimodal.training.loop import train
from unit.data.table import tasks

WORDS = {"cat": "a soft cat purrs", "dog": "a loud dog barks"}


def numbers_and_words(path, rows=400, tests=140):
    """A table of inline numbers and sentences; the last rows are test."""
    drawn = np.random.default_rng(0)
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["label", "split", "body", "words"])
        for index in range(rows):
            label = ("cat", "dog")[index % 2]
            body = drawn.normal((1.0, -1.0)[index % 2], 2, 3)
            split = "test" if index >= rows - tests else "train"
            said = WORDS[label if drawn.random() < 0.8 else ("cat", "dog")[drawn.integers(2)]]
            words = f"{said} {drawn.integers(10**6)} times"
            writer.writerow([label, split, " ".join(f"{x:.4f}" for x in body), words])
    return path


def trained(folder, method="joint", **options):
    """The plan and the only run of a row on the table, trained in ``folder``."""
    execution = Execution(cache=folder / "cache", progress=False)
    wanted = Experiment(
        str(folder / "my.csv"), methods=(method,), seeds=(0,), epochs=2, batch_size=16, **options
    )
    plan = make_plan(*loadable(wanted, execution))
    (run,) = [r for r in plan.runs if r.config.method == method]
    for one in plan.runs:
        if one is run or one.folder in run.learns_from:
            train(one.config, folder / one.folder, data_root=plan.data_root)
    return plan, run


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Folder, plan and run of a joint model with the default fusion."""
    folder = tmp_path_factory.mktemp("made")
    numbers_and_words(folder / "my.csv")
    plan, run = trained(folder)
    write_model(folder / "model", plan, run, folder)
    return folder, plan, run


@pytest.fixture
def model(made):
    return load(made[0] / "model")


def edited(folder, change):
    """Edit model.json of a folder, and seal it again, so that what is read is the edit."""
    path = folder / "model.json"
    content = json.loads(path.read_text())
    change(content)
    content.pop("digest")
    path.write_text(json.dumps(sealed(content)))


def model_of(folder):
    plan, run = trained(folder)
    write_model(folder / "model", plan, run, folder)
    return run


@pytest.fixture(scope="session")
def hospital(tmp_path_factory):
    """The folder of a table of patients, its rows, and the run of its model."""
    folder = tmp_path_factory.mktemp("hospital")
    rows = tasks.patient_rows()
    tasks.patients(folder, rows)
    return folder, rows, model_of(folder)
