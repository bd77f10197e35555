import numpy as np
import pytest
import torch

from equimodal import data
from equimodal.data.sets.keypad import COLUMN_TONES, COLUMNS, RATE, ROW_TONES, ROWS, key_presses
from equimodal.errors import BalanceError, DataError


@pytest.fixture(scope="module")
def source() -> data.DataSource:
    return data.load("keypad", seed=3, third=True)


def test_splits_have_the_promised_sizes(source: data.DataSource) -> None:
    sizes = (len(source.train), len(source.validation), len(source.test))
    assert sizes == (1000, 300, 4 * 497)
    assert all(len(s.labels.unique()) == 10 for s in (source.train, source.validation, source.test))


def test_modalities_are_described_as_they_are(source: data.DataSource) -> None:
    described = {m: (modality.kind, modality.shape) for m, modality in source.modalities.items()}
    assert described == {
        "image": ("image", (1, 8, 8)),
        "sound": ("spectrogram", (1, 16, 17)),
        "touch": ("vector", (32,)),
    }
    for split in (source.train, source.validation, source.test):
        for name, rows in split.inputs.items():
            assert rows.shape[1:] == source.modalities[name].shape
            assert rows.dtype == torch.float32 and rows.isfinite().all()


def test_training_inputs_are_standardised(source: data.DataSource) -> None:
    for rows in source.train.inputs.values():
        assert rows.mean().item() == pytest.approx(0, abs=1e-3)
        assert rows.std().item() == pytest.approx(1, abs=1e-2)


def test_no_source_image_is_in_two_splits_and_each_test_image_comes_four_times() -> None:
    clean = data.load("keypad", seed=0, image_noise=0)
    rows = {
        s: {r.numpy().tobytes() for r in getattr(clean, s).inputs["image"]}
        for s in ("train", "validation", "test")
    }
    assert len(rows["test"]) == 497
    assert not rows["train"] & rows["validation"]
    assert not rows["train"] & rows["test"]
    assert not rows["validation"] & rows["test"]


def test_the_same_seed_gives_the_same_data_and_another_seed_another() -> None:
    first, again, other = (data.load("keypad", seed=seed) for seed in (0, 0, 1))
    for m in first.modalities:
        assert torch.equal(first.train.inputs[m], again.train.inputs[m])
        assert not torch.equal(first.train.inputs[m], other.train.inputs[m])
    assert not torch.equal(first.train.labels, other.train.labels)


def test_global_random_streams_are_left_untouched() -> None:
    torch.manual_seed(0)
    np.random.seed(0)
    expected = torch.rand(3), np.random.rand(3)
    torch.manual_seed(0)
    np.random.seed(0)
    data.load("keypad", third=True)
    assert torch.equal(torch.rand(3), expected[0])
    assert np.array_equal(np.random.rand(3), expected[1])


def test_a_knob_changes_its_own_modality_alone() -> None:
    plain = data.load("keypad", seed=0)
    noisy = data.load("keypad", seed=0, image_noise=1.0, third=True)
    assert torch.equal(plain.train.inputs["sound"], noisy.train.inputs["sound"])
    assert torch.equal(plain.train.labels, noisy.train.labels)
    assert not torch.equal(plain.train.inputs["image"], noisy.train.inputs["image"])


def test_a_clean_press_holds_the_two_tones_of_its_key() -> None:
    labels = np.arange(10)
    rng = np.random.default_rng(0)
    sounds = key_presses(labels, rng, snr=60.0, detuning=0.0, distractors=0)
    power = np.abs(np.fft.rfft(sounds, 8192)) ** 2
    frequencies = np.fft.rfftfreq(8192, 1 / RATE)
    low, high = frequencies < 1000, frequencies > 1100
    found = [frequencies[low][power[:, low].argmax(1)], frequencies[high][power[:, high].argmax(1)]]
    np.testing.assert_allclose(found[0], ROW_TONES[ROWS[labels]], atol=10)
    np.testing.assert_allclose(found[1], COLUMN_TONES[COLUMNS[labels]], atol=10)


@pytest.mark.parametrize("snr", [-10.0, 0.0, 20.0])
def test_noise_lies_the_stated_decibels_under_a_press(snr: float) -> None:
    labels = np.zeros(200, np.int64)
    quiet, noisy = (
        key_presses(labels, np.random.default_rng(1), snr=level, detuning=0.0, distractors=0)
        for level in (300.0, snr)
    )
    held = np.abs(quiet) > 1e-9
    signal = (quiet**2).sum(1) / held.sum(1)
    noise = ((noisy - quiet) ** 2).mean(1)
    assert 10 * np.log10(signal / noise).mean() == pytest.approx(snr, abs=0.3)


def test_the_settings_in_force_are_kept_defaults_included() -> None:
    source = data.load("keypad", snr=5)
    assert source.settings == {
        "snr": 5.0,
        "detuning": 0.005,
        "distractors": 2,
        "image_noise": 0.3,
        "third": False,
        "touch_noise": 0.3,
    }
    assert list(source.modalities) == ["image", "sound"]
    assert "Pairs are made" in source.note


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("snr", "loud", "keypad.snr must be a number from -40 to 60; found 'loud'"),
        ("snr", float("nan"), "keypad.snr must be a number"),
        ("detuning", 0.2, "keypad.detuning must be a number from 0 to 0.05; found 0.2"),
        ("image_noise", -1, "keypad.image_noise must be a number from 0 to 5; found -1"),
        ("touch_noise", True, "keypad.touch_noise must be a number"),
        ("distractors", 1.5, "keypad.distractors must be a whole number from 0 to 8; found 1.5"),
        ("third", "yes", "keypad.third must be true or false; found 'yes'"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(setting: str, value: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        data.load("keypad", **{setting: value})


def test_an_unknown_setting_lists_the_known_ones() -> None:
    with pytest.raises(BalanceError, match="no setting 'noise'; it has snr, detuning"):
        data.load("keypad", noise=1)


@pytest.mark.parametrize("name", ["train", "validation", "test"])
def test_renderings_of_one_image_are_a_group(name: str) -> None:
    split = getattr(data.load("keypad", seed=0, image_noise=0), name)
    pictures = [row.numpy().tobytes() for row in split.inputs["image"]]
    # The same image where the same group, and the other way round.
    pairs = set(zip(pictures, split.groups.tolist(), strict=True))
    assert len(pairs) == len(set(pictures)) == len(split.groups.unique())
    assert (split.groups.bincount().max() == 4) == (name == "test")
