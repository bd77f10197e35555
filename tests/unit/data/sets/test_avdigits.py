"""AV digits in miniature, and the published files where present."""

import numpy as np
import pytest
import torch

from cli import tiny_files
from equimodal import data
from equimodal.data.sets.fsdd import FOLDER, Recordings
from equimodal.data.sets.mnist import FILES, mnist
from equimodal.errors import DataError
from places import REAL_DATA

needs_real = pytest.mark.skipif(not (REAL_DATA / FOLDER).is_dir(), reason="needs EQUIMODAL_DATA")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("avdigits")
    tiny_files.write_avdigits(folder)
    return folder


def rows(split, modality):
    return {row.numpy().tobytes() for row in split.inputs[modality]}


def test_splits_by_speaker_have_the_speakers_recordings(root):
    source = data.load("avdigits", root=root)
    # 20 recordings a speaker: three of them train, one is validation, two are test.
    sizes = (len(source.train), len(source.validation), len(source.test))
    assert sizes == (60, 20, 40)
    assert "theo and yweweler are test" in source.note and "Pairs are made" in source.note


def test_the_validation_speaker_follows_the_seed_and_is_named(root):
    notes = [data.load("avdigits", root=root, seed=seed).note for seed in range(5)]
    found = [note.partition("(here ")[2].partition(")")[0] for note in notes]
    assert found == ["george", "jackson", "lucas", "nicolas", "george"]


def test_the_official_split_tests_on_the_first_indices(root):
    source = data.load("avdigits", root=root, split="official")
    # Index 0 of 2 is test; of the six others of each digit one is validation.
    sizes = (len(source.train), len(source.validation), len(source.test))
    assert sizes == (50, 10, 60)
    assert source.settings == {"split": "official", "train_images": 4000, "test_images": 2000}


@pytest.mark.parametrize("split", ["speaker", "official"])
def test_no_recording_and_no_image_is_in_two_splits(root, split):
    source = data.load("avdigits", root=root, split=split)
    splits = (source.train, source.validation, source.test)
    for modality in source.modalities:
        found = [rows(part, modality) for part in splits]
        assert not (found[0] & found[1] or found[0] & found[2] or found[1] & found[2])
    assert sum(len(rows(part, "audio")) for part in splits) == 120


def test_both_modalities_of_a_pair_show_its_label(root, monkeypatch):
    digits = np.tile(np.arange(10), 12)
    recordings = Recordings(
        np.repeat(0.001 * (digits[:, None] + 1), 6400, axis=1).astype(np.float32),
        digits,
        np.repeat(tiny_files.SPEAKERS, 20),
        np.arange(120) // 10 % 2,
    )
    monkeypatch.setattr("equimodal.data.sets.fsdd.fsdd", lambda root: recordings)
    monkeypatch.setattr("equimodal.data.sets.mnist.mnist", lambda root, part, limit: (
        np.ones((120, 1, 28, 28), np.float32) * digits[:, None, None, None], digits
    ))  # fmt: skip
    source = data.load("avdigits", root=root)
    for part in (source.train, source.validation, source.test):
        for modality in source.modalities:
            levels = part.inputs[modality].flatten(1).mean(1)
            means = torch.stack([levels[part.labels == d].mean() for d in range(10)])
            assert (means.diff() > 0).all()
            torch.testing.assert_close(levels, means[part.labels], atol=1e-4, rtol=1e-4)


def test_an_image_comes_again_only_where_its_digits_run_out(root):
    source = data.load("avdigits", root=root)
    # Three training images a digit for six recordings, one validation image for two.
    assert len(rows(source.train, "image")) == 30
    assert len(rows(source.validation, "image")) == 10
    assert len(rows(source.test, "image")) == 40


def test_modalities_are_described_as_they_are(root):
    source = data.load("avdigits", root=root)
    described = {m: (modality.kind, modality.shape) for m, modality in source.modalities.items()}
    assert described == {"audio": ("spectrogram", (1, 32, 33)), "image": ("image", (1, 28, 28))}
    for modality, found in source.train.inputs.items():
        assert found.shape[1:] == source.modalities[modality].shape
        assert found.isfinite().all() and found.dtype == torch.float32
        assert found.mean().item() == pytest.approx(0, abs=1e-3)


def test_the_same_seed_gives_the_same_pairs_and_another_seed_others(root):
    first, again, other = (
        data.load("avdigits", root=root, seed=seed, split="official").test for seed in (0, 0, 1)
    )
    assert torch.equal(first.inputs["image"], again.inputs["image"])
    assert not torch.equal(first.inputs["image"], other.inputs["image"])


def test_global_random_streams_are_left_untouched(root):
    torch.manual_seed(0)
    np.random.seed(0)
    expected = torch.rand(3), np.random.rand(3)
    torch.manual_seed(0)
    np.random.seed(0)
    data.load("avdigits", root=root)
    assert torch.equal(torch.rand(3), expected[0])
    assert np.array_equal(np.random.rand(3), expected[1])


def test_a_missing_test_speaker_is_refused(tmp_path):
    tiny_files.write_avdigits(tmp_path)
    for path in (tmp_path / FOLDER).glob("*_theo_*.wav"):
        path.unlink()
    with pytest.raises(DataError, match=r"holds the speakers george, .* expected theo, yweweler"):
        data.load("avdigits", root=tmp_path)


def test_too_few_recordings_for_the_official_split_are_refused(tmp_path):
    tiny_files.write_avdigits(tmp_path)
    for path in (tmp_path / FOLDER).glob("*_0.wav"):
        path.unlink()
    with pytest.raises(DataError, match="none of the digit 0 for test"):
        data.load("avdigits", root=tmp_path, split="official")


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("split", "speakers", "avdigits.split must be one of speaker, official"),
        ("train_images", 99, "avdigits.train_images must be a whole number from 100 to 60000"),
        ("test_images", 1e4, "avdigits.test_images must be a whole number from 100 to 10000"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(root, setting, value, message):
    with pytest.raises(DataError, match=message):
        data.load("avdigits", root=root, **{setting: value})


@needs_real
def test_the_published_files_give_the_published_sizes():
    source = data.load("avdigits", root=REAL_DATA)
    assert (len(source.train), len(source.validation), len(source.test)) == (1500, 500, 1000)
    assert source.test.labels.bincount().tolist() == [100] * 10
    assert len(rows(source.train, "image")) == 1500


@needs_real
def test_the_published_images_begin_with_a_five():
    images, digits = mnist(REAL_DATA, "train", limit=3)
    assert digits.tolist() == [5, 0, 4]
    assert images.shape == (3, 1, 28, 28) and 0.1 < images.mean() < 0.2
    assert len(FILES) == 4
