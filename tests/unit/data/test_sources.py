import subprocess
import sys

import numpy as np
import pytest
import torch

from equimodal import data
from equimodal.data.defaults import TRAINING_DEFAULTS
from equimodal.errors import BalanceError, DataError

READ_FROM_FILES = [name for name in data.names() if data.describe(name).files]


def test_names_and_descriptions_come_without_torch():
    code = (
        "import sys, equimodal.data as data\n"
        "[data.describe(name) for name in data.names()]\n"
        "heavy = {'torch', 'sklearn', 'scipy', 'soundfile'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize("name", data.names())
def test_a_description_says_what_a_user_needs(name):
    info = data.describe(name)
    assert info.name == name
    assert info.summary and info.licence and info.origin
    assert {"root", "seed"}.isdisjoint(info.settings)
    assert all(info.meanings[setting] for setting in info.settings)


def test_settings_come_from_the_loaders_signature():
    info = data.describe("keypad")
    assert info.settings["snr"] == 10.0 and info.settings["image_noise"] == 0.3
    assert "in dB" in info.meanings["snr"]


def test_every_data_set_has_its_training_defaults():
    assert set(TRAINING_DEFAULTS) == set(data.names())
    for defaults in TRAINING_DEFAULTS.values():
        assert defaults["epochs"] > 0 and defaults["batch_size"] > 0 and 0 < defaults["lr"] < 1


def test_an_unknown_data_set_names_the_known_ones():
    for call in (data.describe, data.load):
        with pytest.raises(BalanceError, match="no data set 'mnits'; write one of keypad"):
            call("mnits")


@pytest.mark.parametrize("name", [None, 2.5, b"keypad", ["keypad"], np.ones(3), torch.ones(2, 2)])
def test_a_name_that_is_no_text_is_refused(name):
    for call in (data.describe, data.load):
        with pytest.raises(DataError, match="name of a data set must be a text or a path; found"):
            call(name)


@pytest.mark.parametrize("seed", [-1, 1.5, True, "0", None])
def test_a_seed_that_is_no_whole_number_is_refused(seed):
    with pytest.raises(BalanceError, match="seed must be a whole number >= 0; found"):
        data.load("keypad", seed=seed)


@pytest.mark.parametrize("name", READ_FROM_FILES)
def test_files_need_a_data_root(name, tmp_path):
    with pytest.raises(DataError, match=rf"{name} is read from files: .*--data-root.*Get them"):
        data.load(name)
    with pytest.raises(DataError, match=r"nowhere' is no folder.*Get them from"):
        data.load(name, root=tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"is missing.*Get them from"):
        data.load(name, root=tmp_path)


def test_an_unknown_attribute_of_the_package_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Datset'"):
        data.Datset  # noqa: B018
