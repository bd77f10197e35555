import numpy as np
import pytest
import soundfile

from equimodal.data.sets.fsdd import FOLDER, fsdd
from equimodal.errors import DataError

NAME = f"{FOLDER}/3_ann_1.wav"


def wave(samples, peak=0.5):
    return peak * np.sin(np.arange(samples) / 5)


@pytest.fixture
def root(tmp_path):
    """Every digit by two speakers under the indices 1 and 10, 0.1 s longer for each digit."""
    (tmp_path / FOLDER).mkdir(parents=True)
    for digit in range(10):
        for speaker in ("bob", "ann"):
            for index in (1, 10):
                path = tmp_path / FOLDER / f"{digit}_{speaker}_{index}.wav"
                soundfile.write(path, wave(800 * (digit + 1)), 8000)
    return tmp_path


def refused(root, words):
    with pytest.raises(DataError, match=words) as caught:
        fsdd(root)
    assert "free-spoken-digit-dataset" in str(caught.value)


def test_recordings_come_in_order_with_what_their_names_say(root):
    found = fsdd(root)
    assert found.digits.tolist() == [digit for digit in range(10) for _ in range(4)]
    assert found.speakers.tolist() == ["ann", "ann", "bob", "bob"] * 10
    assert found.indices.tolist() == [1, 10] * 20


def test_a_waveform_has_its_peak_at_one_is_cut_at_the_end_and_padded_with_silence(root):
    found = fsdd(root).waveforms
    assert found.shape == (40, 6400) and found.dtype == np.float32
    np.testing.assert_allclose(np.abs(found).max(axis=1), 1)
    expected = wave(800) / np.abs(wave(800)).max()
    np.testing.assert_allclose(found[0, :800], expected, atol=1e-3)
    assert not found[0, 800:].any()
    longest = wave(8000) / np.abs(wave(8000)).max()
    np.testing.assert_allclose(found[-1], longest[:6400], atol=1e-3)


def test_a_missing_recording_is_named(root):
    (root / NAME).unlink()
    refused(root, f"{NAME} is missing")


def test_a_missing_and_an_empty_folder_are_named(tmp_path):
    refused(tmp_path, f"{FOLDER} is missing")
    (tmp_path / FOLDER).mkdir(parents=True)
    refused(tmp_path, f"{FOLDER} holds no recording")


@pytest.mark.parametrize("kept", [60, 1000])
def test_a_truncated_recording_is_named(root, kept):
    (root / NAME).write_bytes((root / NAME).read_bytes()[:kept])
    refused(root, f"{NAME} is cut short: {kept} bytes")


@pytest.mark.parametrize("content", [b"some text", b"RIFF\0\0\0\0WAVE"])
def test_a_file_that_is_no_sound_is_named(root, content):
    (root / NAME).write_bytes(content)
    refused(root, f"{NAME} is no sound file")


def test_another_rate_or_number_of_channels_is_named(root):
    soundfile.write(root / NAME, wave(800), 16000)
    refused(root, f"{NAME} has 1 channels at 16000 Hz, expected 1 at 8000 Hz")
    soundfile.write(root / NAME, np.zeros((800, 2)), 8000)
    refused(root, f"{NAME} has 2 channels")


def test_silence_and_samples_that_are_not_finite_are_named(root):
    soundfile.write(root / NAME, np.zeros(800), 8000)
    refused(root, f"{NAME} holds no sound")
    soundfile.write(root / NAME, np.full(800, np.nan), 8000, subtype="FLOAT")
    refused(root, f"{NAME} holds samples that are not finite")


def test_a_recording_under_another_name_is_named(root):
    (root / NAME).rename(root / FOLDER / "three.wav")
    refused(root, r"fsdd/recordings/three.wav is not named \{digit\}_\{speaker\}_\{index\}.wav")
