import json

import pytest

from equimodal.errors import BalanceError
from unit.comparison.conftest import plan_of

pytestmark = pytest.mark.usefixtures("tiny_plans")


def folders(plan):
    return [run.folder for run in plan.runs]


def test_every_row_is_planned_with_every_seed_those_of_a_seed_together():
    plan = plan_of("tiny", methods=["joint", "alone:a"], seeds=2, lr=0.1)
    assert folders(plan) == [
        "runs/joint/seed-0",
        "runs/alone-a/seed-0",
        "runs/joint/seed-1",
        "runs/alone-a/seed-1",
    ]
    assert plan.config["methods"] == ["joint", "alone:a"]
    assert plan.config["seeds"] == [0, 1]


def test_a_search_gives_every_trained_row_the_same_trials():
    rows = ["untrained", "joint", "amss", "joint:half-lr"]
    plan = plan_of("tiny", methods=rows, seeds=[4], lr=[0.1, 0.2])
    rates = {row: [r.config.lr for r in plan.runs if r.config.method == row] for row in rows}
    assert rates == {
        "untrained": [None],
        "joint": [0.1, 0.2],
        "amss": [0.1, 0.2],
        "joint:half-lr": [0.05, 0.1],
    }
    assert "runs/joint-half-lr/seed-4-lr-0.05" in folders(plan)
    assert "runs/untrained/seed-4" in folders(plan)


def test_joint_at_double_rate_differs_in_nothing_else():
    joint, double = (
        plan_of("tiny", methods=[row], seeds=1, lr=0.1).runs[0].config
        for row in ("joint", "joint:double-lr")
    )
    assert double.lr == 2 * joint.lr
    assert double.registered_method == joint.registered_method == "joint"


def test_the_ensemble_is_not_trained():
    plan = plan_of("tiny", methods=["ensemble"], seeds=1)
    assert [run.config.method for run in plan.runs] == ["alone:a", "alone:b", "alone:c"]
    assert plan.config["methods"][-1] == "ensemble"


def test_settings_reach_their_row_and_the_data_alone():
    plan = plan_of(
        "tiny",
        methods=["joint", "amss"],
        seeds=1,
        settings={"amss.tau": 0.5, "amss.clamp": (0.2, 0.8), "tiny.noise": 2.0},
    )
    joint, amss = (run.config for run in plan.runs)
    assert joint.settings == {}
    assert amss.settings == {"tau": 0.5, "clamp": [0.2, 0.8]}
    assert joint.data_settings == amss.data_settings == {"noise": 2.0}
    assert plan.config["settings"] == {"amss": amss.settings}


def test_a_plan_is_plain_data_without_a_path():
    plan = plan_of("tiny", data_root="/somewhere", seeds=1)
    stored = json.dumps([plan.config, plan.data, [run.config.as_dict() for run in plan.runs]])
    assert "/somewhere" not in stored
    assert plan.data["sizes"] == {"train": 72, "validation": 30, "test": 33}
    assert plan.data["modalities"]["b"] == {"kind": "vector", "shape": [6]}


def test_the_budget_of_the_data_set_is_the_default():
    config = plan_of("tiny", seeds=1, methods=["joint"]).config
    assert (config["epochs"], config["batch_size"]) == (30, 64)
    config = plan_of("tiny", seeds=1, methods=["joint"], epochs=2, batch_size=8).config
    assert (config["epochs"], config["batch_size"]) == (2, 8)


def test_momentum_is_recorded_only_where_it_is_used():
    assert plan_of("tiny", seeds=1, methods=["joint"]).config["momentum"] == 0.9
    adam = plan_of("tiny", seeds=1, methods=["joint"], optimizer="adam").config
    assert adam["momentum"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"methods": ["joynt"]}, "Did you mean 'joint'"),
        ({"seeds": 0}, "Seeds"),
        ({"epochs": 0}, "epochs must be"),
        ({"batch_size": -1}, "batch size must be"),
        ({"lr": 0}, "rates must be"),
        ({"optimizer": "lion"}, "no optimizer 'lion'"),
        ({"objective": "both"}, "objective must be"),
        ({"settings": {"amss.tua": 1}}, "amss has no setting 'tua'"),
        ({"settings": {"amss.tau": 1}, "methods": ["joint"]}, "belongs to nothing"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_anything_is_trained(arguments, message):
    with pytest.raises(BalanceError, match=message):
        plan_of("tiny", **arguments)


def test_the_model_reaches_every_run_and_the_results_where_it_is_no_default():
    plan = plan_of(
        "tiny", methods=["joint", "alone:a"], seeds=1, encoders={"a": "mlp", "b": "small"},
        fusion="film",
    )  # fmt: skip
    assert (plan.config["encoders"], plan.config["fusion"]) == ({"a": "mlp"}, "film")
    assert {(run.config.encoders["a"], run.config.fusion) for run in plan.runs} == {("mlp", "film")}


def test_a_row_that_brings_its_own_fusion_trains_that_and_the_results_name_it():
    rows = ["untrained", "joint", "mmcosine", "alone:a", "mmcosine~ogm"]
    plan = plan_of("tiny", methods=rows, seeds=1, fusion="film")
    own = {"mmcosine": "cosine", "mmcosine~ogm": "cosine"}
    assert (plan.config["fusion"], plan.config["own_fusions"]) == ("film", own)
    assert {run.config.method: run.config.model_fusion for run in plan.runs} == {
        row: own.get(row, "film") for row in rows
    }


def test_a_fusion_that_all_rows_share_is_no_ones_own():
    plan = plan_of("tiny", methods=["joint", "mmcosine"], seeds=1, fusion="cosine")
    assert "own_fusions" not in plan.config
    assert {run.config.model_fusion for run in plan.runs} == {"cosine"}


def test_a_fusion_that_no_row_would_have_is_refused():
    with pytest.raises(BalanceError, match="film has no effect: mmcosine brings its own, cosine"):
        plan_of("tiny", methods=["mmcosine"], seeds=1, fusion="film")


def test_a_default_model_leaves_no_trace():
    plan = plan_of("tiny", methods=["joint"], seeds=1, encoders={"a": "small"})
    assert not {"encoders", "fusion", "own_fusions"} & set(plan.config)
    assert not {"encoders", "fusion"} & set(plan.runs[0].config.as_dict())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoders": {"d": "mlp"}}, "'d', which is no modality here; write one of a, b, c"),
        ({"encoders": {"a": "conv1d"}}, "encoder of a: The encoder 'conv1d' reads sequence"),
        ({"fusion": "fim"}, "no fusion 'fim'.*Did you mean 'film'"),
    ],
)
def test_a_model_that_cannot_be_built_is_refused(changes, message):
    with pytest.raises(BalanceError, match=message):
        plan_of("tiny", methods=["joint"], seeds=1, **changes)


def test_a_schedule_and_the_optimizers_settings_reach_every_run_and_the_results():
    settings = {"adam.betas": (0.9, 0.99), "adam.weight_decay": 1e-4}
    plan = plan_of(
        "tiny", methods=["joint", "amss"], seeds=1, optimizer="adam", settings=settings,
        schedule="step:3:0.1",
    )  # fmt: skip
    for run in plan.runs:
        assert run.config.schedule == "step:3:0.1"
        assert run.config.optimizer_settings == {"betas": [0.9, 0.99]}
    assert plan.config["schedule"] == "step:3:0.1"
    assert plan.config["optimizer_settings"] == {"betas": [0.9, 0.99]}
    assert plan.config["weight_decay"] == 1e-4
    assert plan.config["settings"] == {}


def test_without_them_a_plan_says_what_it_always_said():
    config = plan_of("tiny", seeds=1, methods=["joint"]).config
    assert config["schedule"] == "cosine to zero, per step"
    assert (config["momentum"], config["weight_decay"]) == (0.9, 1e-4)
    assert "optimizer_settings" not in config


def test_a_setting_of_another_optimizer_belongs_to_nothing():
    with pytest.raises(BalanceError, match=r"'adam.betas' belongs to nothing.*joint, sgd before"):
        plan_of("tiny", seeds=1, methods=["joint"], settings={"adam.betas": (0.9, 0.99)})
    with pytest.raises(BalanceError, match="There is no schedule"):
        plan_of("tiny", seeds=1, methods=["joint"], schedule="stp:3:0.1")


def test_nominal_steps_stand_in_the_plan_and_in_every_run_and_the_usual_ones_in_none():
    plan = plan_of("tiny", methods=["joint", "smv"], seeds=[0], steps="nominal")
    assert plan.config["steps"] == "nominal"
    assert {run.config.as_dict()["steps"] for run in plan.runs} == {"nominal"}
    usual = plan_of("tiny", methods=["joint", "smv"], seeds=[0])
    assert "steps" not in usual.config
    assert all("steps" not in run.config.as_dict() for run in usual.runs)
    with pytest.raises(BalanceError, match="steps must be one of expanded, nominal"):
        plan_of("tiny", methods=["joint"], steps="equal")


@pytest.mark.parametrize("lr", [None, [0.05, 0.1]])
def test_a_row_that_learns_from_others_knows_those_of_its_seed_and_rate(lr, tiny_plans):
    plan = plan_of("tiny", methods=["umt", "joint"], seeds=2, lr=lr)
    assert plan.config["methods"] == ["alone:a", "alone:b", "alone:c", "umt", "joint"]
    by_folder = {run.folder: run for run in plan.runs}
    learning = [run for run in plan.runs if run.config.teachers]
    assert {run.config.method for run in learning} == {"umt"}
    assert len(learning) == 2 * len(lr or [1])
    for run in learning:
        before = [by_folder[place].config for place in run.learns_from]
        assert [c.method for c in before] == ["alone:a", "alone:b", "alone:c"]
        assert {(c.seed, c.lr) for c in before} == {(run.config.seed, run.config.lr)}
        assert "teachers" not in by_folder[run.learns_from[0]].config.as_dict()
