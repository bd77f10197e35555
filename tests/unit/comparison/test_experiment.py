import inspect
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch

import equimodal
from equimodal.comparison.execution import Execution, arranged, check_device
from equimodal.comparison.experiment import Experiment, batch_size_of, check_objective
from equimodal.errors import BalanceError


def test_compare_takes_what_an_experiment_and_its_execution_are_with_the_same_defaults():
    taken = {n: p.default for n, p in inspect.signature(equimodal.compare).parameters.items()}
    parts = [Experiment(), Execution()]
    assert set(taken) == {field.name for part in parts for field in fields(part)}
    assert arranged(taken) == tuple(parts)


def test_arguments_are_what_is_done_or_where_it_is_done():
    experiment, execution = arranged({"data": "mosi", "epochs": 2, "jobs": 3, "out": "there"})
    assert experiment == Experiment("mosi", epochs=2)
    assert execution == Execution(jobs=3, out="there")
    with pytest.raises(TypeError, match="epoch"):
        arranged({"epoch": 2})


@pytest.mark.parametrize("jobs", [0, -1, 1.5])
def test_an_execution_has_a_job_at_least(jobs):
    with pytest.raises(
        BalanceError, match="number of jobs must be a whole number from 1 to 1,000,000"
    ):
        Execution(jobs=jobs)


@pytest.mark.parametrize("name", ["data_root", "cache", "out"])
@pytest.mark.parametrize("place", [0, {1: 2}, b"there", ["there"]])
def test_a_place_is_a_text_or_a_path(name, place):
    assert getattr(Execution(**{name: Path("there")}), name) == Path("there")
    with pytest.raises(BalanceError, match=f"{name} must be a text or a path; found"):
        Execution(**{name: place})


@pytest.mark.parametrize("name", ["resume", "progress", "here"])
@pytest.mark.parametrize("value", [None, 1, "yes", torch.zeros(2)])
def test_how_it_runs_is_true_or_false(name, value):
    with pytest.raises(BalanceError, match=f"{name} must be true or false; found"):
        Execution(**{name: value})


def test_a_table_may_be_named_by_a_path():
    assert Experiment(Path("of") / "my.csv") == Experiment("of/my.csv")


ODD = [0, 2.5, b"x", object(), str, np.ones(3), torch.ones(2, 3), torch.zeros(0)]


@pytest.mark.parametrize(
    "name", ["data", "optimizer", "schedule", "objective", "fusion", "device", "encoders",
             "settings", "methods"]
)  # fmt: skip
@pytest.mark.parametrize("value", ODD, ids=lambda value: type(value).__name__)
def test_a_value_of_another_type_is_refused_by_name(name, value):
    with pytest.raises(BalanceError, match=f"{name} must be .*found"):
        Experiment(**{name: value})


@pytest.mark.parametrize("name", ["seeds", "lr"])
@pytest.mark.parametrize("value", [b"x", object(), str, np.ones(3), torch.ones(2, 3), {}, "12"])
def test_seeds_and_rates_are_numbers_or_lists_of_them(name, value):
    with pytest.raises(BalanceError, match=r"must be .*found"):
        Experiment(**{name: value})


@pytest.mark.parametrize(
    "given",
    [
        {"methods": "joint"},
        {"methods": ["joint", 1]},
        {"encoders": {1: "mlp"}},
        {"settings": [("amss.tau", 0.2)]},
    ],
)
def test_rows_are_a_list_of_texts_and_settings_a_mapping_by_texts(given):
    with pytest.raises(BalanceError, match=r"must be .*found"):
        Experiment(**given)


def test_results_lie_in_a_folder_of_the_name_of_their_data():
    assert Execution().folder("keypad") == Path("results/keypad")
    assert Execution().folder("of/my.csv", "choose-") == Path("results/choose-my")
    assert Execution(out="there").folder("keypad", "choose-") == Path("there")


def test_a_number_of_seeds_and_several_seeds_become_seeds():
    assert Experiment(seeds=3).seeds == (0, 1, 2)
    assert Experiment(seeds=[7, 1]).seeds == (7, 1)


@pytest.mark.parametrize("seeds", [0, -2, [], [-1], [1, 1], [True], [0.5], True])
def test_wrong_seeds_are_refused(seeds):
    with pytest.raises(BalanceError, match=r"[Ss]eed"):
        Experiment(seeds=seeds)


def test_one_rate_and_several_become_rates_and_none_is_left_to_the_data():
    assert Experiment(lr=0.1).lr == (0.1,)
    assert Experiment(lr=[0.1, 1]).lr == (0.1, 1.0)
    assert Experiment().lr is None


@pytest.mark.parametrize("rate", [0, -0.1, float("nan"), float("inf"), [], [0.1, 0.1], ["0.1"]])
def test_wrong_rates_are_refused(rate):
    with pytest.raises(BalanceError, match="rate"):
        Experiment(lr=rate)


@pytest.mark.parametrize("epochs", [0, -1, 1.5, "3", True])
def test_wrong_epochs_are_refused(epochs):
    with pytest.raises(
        BalanceError, match="epochs must be a whole number from 1 to 1,000,000; found"
    ):
        Experiment(epochs=epochs)


def test_a_wrong_schedule_is_refused_before_any_data_are_loaded():
    with pytest.raises(BalanceError, match="There is no schedule 'stp'"):
        Experiment(schedule="stp")


def test_a_batch_has_2_samples_at_least_and_those_of_training_at_most():
    assert batch_size_of(None, 64, 1000) == batch_size_of(64, 32, 64) == 64
    assert batch_size_of(None, 64, 40) == 40
    with pytest.raises(
        BalanceError, match="batch size must be a whole number from 2 to 1,000,000; found 1"
    ):
        batch_size_of(1, 64, 1000)
    with pytest.raises(BalanceError, match=r"batch size 5000 is more .* 1000 training samples"):
        batch_size_of(5000, 64, 1000)


def test_wrong_objectives_are_refused():
    check_objective("fused")
    with pytest.raises(BalanceError, match=r"fused, fused\+unimodal.*Did you mean 'fused'"):
        check_objective("fuse")


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "cpu:0", "cuda:999", ""])
def test_devices_that_are_not_here_are_refused(device):
    with pytest.raises(BalanceError, match="device"):
        check_device(device)


def test_field_may_be_given_without_a_list():
    assert Experiment(methods="field").methods == ("field",)
