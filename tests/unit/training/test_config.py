from equimodal.training.config import OPTIONAL, RunConfig
from unit.training.tiny import config


def test_a_row_says_what_it_trains():
    assert config(method="untrained").trained_epochs == 0
    assert config(method="untrained").registered_method == "joint"
    assert config(method="joint:half-lr").registered_method == "joint"
    assert config(method="amss").trained_epochs == 4
    assert config(method="alone:my:sound").alone == "my:sound"
    assert config(method="amss").alone is None


def test_a_row_names_the_loss_that_is_its_own():
    objective = "fused+unimodal"
    assert config(method="amss", objective=objective).loss == objective
    assert config(method="joint:half-lr", objective=objective).loss == objective
    for row in ("alone:a", "joint+unimodal", "dus"):
        assert config(method=row, objective=objective).loss == "own"


def test_encoders_and_fusion_are_written_only_where_they_are_no_defaults():
    assert not {"encoders", "fusion"} & set(config().as_dict())
    written = config(encoders={"a": "mlp"}, fusion="sum").as_dict()
    assert (written["encoders"], written["fusion"]) == ({"a": "mlp"}, "sum")
    assert RunConfig(**config().as_dict()) == config()


def test_what_is_as_always_is_left_out_of_a_folder():
    assert not OPTIONAL.keys() & config().as_dict().keys()
    changed = config(schedule="constant", optimizer_settings={"momentum": 0.0})
    assert changed.as_dict()["schedule"] == "constant"
    assert changed.as_dict()["optimizer_settings"] == {"momentum": 0.0}
    assert RunConfig(**changed.as_dict()) == changed


def test_a_title_names_row_seed_and_rate():
    assert config().title == "joint, seed 3, lr 0.05"
    assert config(method="untrained", lr=None).title == "untrained, seed 3"
