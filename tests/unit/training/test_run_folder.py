import json

import pytest

from equimodal.errors import BalanceError
from equimodal.training import run_folder
from equimodal.training.run_folder import check_claim, claim, versions
from unit.training.tiny import config


def test_a_claim_holds_all_that_determines_the_run(tmp_path):
    claim(tmp_path, config(settings={"clamp": (0.1, 0.9)}))
    found = json.loads((tmp_path / "config.json").read_text())
    assert found == {**config(settings={"clamp": [0.1, 0.9]}).as_dict(), **versions()}
    claim(tmp_path, config(settings={"clamp": (0.1, 0.9)}))


def test_another_run_is_refused_by_what_differs(tmp_path):
    claim(tmp_path, config())
    for refuse in (claim, check_claim):
        with pytest.raises(BalanceError, match=r"other values of lr, epochs: found \[0.05, 4\]"):
            refuse(tmp_path, config(lr=0.5, epochs=2))


@pytest.mark.parametrize(
    ("first", "then"), [({"fusion": "film"}, {}), ({}, {"encoders": {"a": "mlp"}})]
)
def test_a_run_of_another_model_is_refused(tmp_path, first, then):
    claim(tmp_path, config(**first))
    with pytest.raises(BalanceError, match=f"other values of {next(iter(first | then))}: found"):
        claim(tmp_path, config(**then))


def test_a_run_with_a_key_that_others_leave_out_is_another_run(tmp_path):
    claim(tmp_path, config(schedule="constant"))
    with pytest.raises(BalanceError, match=r"schedule: found \['constant'\], wanted \['cosine'\]"):
        claim(tmp_path, config())
    with pytest.raises(BalanceError, match=r"found \['constant'\], wanted \['step"):
        claim(tmp_path, config(schedule="step:2:0.1"))


def test_another_version_does_not_continue_a_run(tmp_path, monkeypatch):
    claim(tmp_path, config())
    monkeypatch.setattr(run_folder, "__version__", "9.9")
    with pytest.raises(BalanceError, match=r"values of equimodal: .* wanted \['9.9'\]"):
        claim(tmp_path, config())


def test_a_folder_that_names_no_version_is_taken_as_it_is(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(config().as_dict()))
    claim(tmp_path, config())


def test_another_number_of_processes_does_not_continue_a_run_but_may_use_its_result(tmp_path):
    claim(tmp_path, config(), processes=2)
    claim(tmp_path, config(), processes=2)
    check_claim(tmp_path, config())
    with pytest.raises(BalanceError, match=r"values of processes: found \[2\], wanted \[1\]"):
        claim(tmp_path, config())
    (tmp_path / "result.json").write_text("{}")
    claim(tmp_path, config())
