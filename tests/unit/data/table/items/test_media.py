"""Images, sounds and videos: what is read of a good file, and what is said of a bad one."""

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from equimodal.data.spectrogram import log_mel, log_spectrogram
from equimodal.data.table.items.decode import opened
from equimodal.data.table.items.decoders import reader
from equimodal.data.table.reading.findings import Unfit
from equimodal.data.table.reading.survey import form
from equimodal.errors import DataError
from unit.data.table import media

IMAGE = {"size": [12, 10], "channels": 1}
SOUND = {"rate": 8000, "seconds": 0.2, "bands": 8, "window": 128, "hop": 80, "level": "peak"}
WAVEFORM = {"rate": 8000, "seconds": 0.25, "level": "as_is"}
VIDEO = {"size": [16, 24], "frames": 3}
SETTINGS = {"image": IMAGE, "sound": SOUND, "waveform": WAVEFORM, "video": VIDEO}


def decode(kind, path, **changes):
    with open(path, "rb") as file:
        source, warnings = opened(file, str(path), path.stat().st_size)
        item = reader(kind).decode(source, SETTINGS[kind] | changes)
    return item, [code for code, _ in (*warnings, *item.warnings)]


def facts(kind, path):
    with open(path, "rb") as file:
        return reader(kind).measure(opened(file, str(path), path.stat().st_size)[0])


def refused(kind, path):
    with pytest.raises(Unfit) as caught:
        decode(kind, path)
    return caught.value.code


def test_an_image_of_the_declared_size_keeps_every_pixel(tmp_path):
    path = media.png(tmp_path / "a.png")
    item, warnings = decode("image", path)

    assert np.array_equal(item.array[0], np.asarray(Image.open(path)))
    assert (item.array.dtype, item.shape, warnings) == (np.uint8, (1, 12, 10), [])
    assert facts("image", path) == {"size": [12, 10], "channels": 1}


def test_colours_come_first_and_a_larger_image_is_cut_in_the_middle_and_scaled(tmp_path):
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, 10:30] = (250, 0, 100)
    Image.fromarray(pixels).save(tmp_path / "a.png")

    item, _ = decode("image", tmp_path / "a.png", size=[10, 10], channels=3)

    assert item.array.shape == (3, 10, 10)
    assert item.array[:, 5, 5].tolist() == [250, 0, 100]
    assert item.array[0].min() > 200  # the middle square, none of the dark sides


def test_a_picture_is_turned_as_its_camera_noted(tmp_path):
    image = Image.fromarray(np.arange(120, dtype=np.uint8).reshape(12, 10))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.jpg", exif=exif)

    assert facts("image", tmp_path / "a.jpg")["size"] == [10, 12]


def test_sixteen_bits_are_scaled_and_not_cut_off(tmp_path):
    values = np.array([[0, 257, 32896, 65535]] * 4, np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")

    item, _ = decode("image", tmp_path / "a.png", size=[4, 4])

    assert item.array[0, 0].tolist() == [0, 1, 128, 255]


def test_an_image_of_one_colour_and_a_jpeg_named_png_are_noted(tmp_path):
    Image.new("L", (10, 12), 7).save(tmp_path / "a.png", format="JPEG")
    assert decode("image", tmp_path / "a.png")[1] == ["extension", "blank"]


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_an_image_cut_short_anywhere_is_truncated(tmp_path, name):
    for share in (0.97, 0.5):
        path = media.cut(media.png(tmp_path / name, size=(60, 60), mode="RGB"), share)
        assert refused("image", path) == "truncated"


def test_an_image_that_declares_more_pixels_than_anyone_reads_is_refused(tmp_path):
    content = bytearray(media.png(tmp_path / "a.png").read_bytes())
    content[16:24] = (8000).to_bytes(4) + (8000).to_bytes(4)
    import zlib

    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4)
    (tmp_path / "a.png").write_bytes(content)
    assert refused("image", tmp_path / "a.png") == "large"


def test_a_sound_becomes_the_log_mel_of_its_samples_with_the_peak_at_one(tmp_path):
    path = media.wav(tmp_path / "a.wav", seconds=0.1)
    samples, _ = soundfile.read(path, dtype="float32")
    row = np.zeros(1600, np.float32)
    row[:800] = samples / np.abs(samples).max()

    item, warnings = decode("sound", path)

    expected = log_mel(torch.from_numpy(row[None]), rate=8000, n_fft=128, hop=80, bands=8)[0]
    np.testing.assert_allclose(item.array, expected.numpy(), rtol=1e-6)
    assert (item.shape, item.seconds, warnings) == ((1, 800), 0.1, [])
    assert facts("sound", path) == {"rate": 8000, "seconds": 0.1}


def test_channels_are_averaged_and_another_rate_is_resampled(tmp_path):
    time = np.arange(3200) / 16000
    tone = np.sin(2 * np.pi * 1000 * time)
    soundfile.write(tmp_path / "a.flac", np.stack([tone, 0.5 * tone], 1), 16000)
    soundfile.write(tmp_path / "b.wav", np.sin(2 * np.pi * 1000 * time[::2] * 1), 8000)

    resampled, _ = decode("sound", tmp_path / "a.flac")
    plain, _ = decode("sound", tmp_path / "b.wav")

    assert resampled.shape == (2, 3200)
    loud = plain.array > plain.array.max() - 3
    loud[..., [0, -1]] = False
    np.testing.assert_allclose(resampled.array[loud], plain.array[loud], atol=0.1)


def test_a_linear_scale_has_all_frequencies_and_a_short_sound_may_repeat(tmp_path):
    path = media.wav(tmp_path / "a.wav", seconds=0.08)
    settings = {"rate": 8000, "seconds": 0.2, "window": 100, "hop": 80, "level": "as_is"}
    declared = {**settings, "scale": "linear", "short": "repeat"}
    made = form("sound", declared, [])
    item, _ = decode("sound", path, **made.settings)

    samples = soundfile.read(path, dtype="float32")[0]
    repeated = np.concatenate([samples, samples, samples])[:1600]
    expected = log_spectrogram(torch.from_numpy(repeated[None]), rate=8000, n_fft=100, hop=80)
    assert item.array.shape == made.shape == (1, 51, 21)
    np.testing.assert_array_equal(item.array, expected[0])


def test_settings_at_their_default_are_those_of_rows_cached_before():
    usual = {"rate": 8000, "seconds": 0.2}
    assert form("sound", {**usual, "scale": "mel", "short": "silence"}, []) == form(
        "sound", usual, []
    )
    with pytest.raises(DataError, match="bands are of the mel scale"):
        form("sound", {**usual, "scale": "linear", "bands": 8}, [])


def test_a_longer_sound_is_cut_and_a_silent_one_noted(tmp_path):
    assert decode("sound", media.wav(tmp_path / "a.wav", seconds=0.3))[1] == ["cut"]
    soundfile.write(tmp_path / "b.wav", np.zeros(1600), 8000)
    item, warnings = decode("sound", tmp_path / "b.wav")
    assert warnings == ["silent"]
    assert np.isfinite(item.array).all()


@pytest.mark.parametrize(("name", "share"), [("a.wav", 0.9), ("a.wav", 0.02), ("a.flac", 0.6)])
def test_a_sound_cut_short_is_truncated(tmp_path, name, share):
    path = media.cut(media.wav(tmp_path / name, seconds=1), share)
    assert refused("sound", path) == "truncated"


def test_a_flac_that_does_not_say_how_long_it_is_is_refused(tmp_path):
    path = media.wav(tmp_path / "a.flac")
    content = bytearray(path.read_bytes())
    # The stream's description follows the marker and four bytes: the last 36 bits of 13 to 17.
    content[8 + 13] &= 0xF0
    content[8 + 14 : 8 + 18] = bytes(4)
    path.write_bytes(content)
    with pytest.raises(Unfit, match="does not say how long it is"):
        decode("sound", path)


def test_an_empty_sound_and_one_with_nan_are_refused(tmp_path):
    assert refused("sound", media.wav(tmp_path / "a.wav", seconds=0)) == "empty"
    soundfile.write(tmp_path / "b.wav", np.array([0.1, np.nan, 0.2]), 8000, subtype="FLOAT")
    assert refused("sound", tmp_path / "b.wav") == "finite"


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "libx264"), ("a.avi", "mpeg4"), ("a.flv", "flv")]
)
def test_a_videos_frames_come_evenly_over_time(tmp_path, name, codec):
    item, warnings = decode("video", media.video(tmp_path / name, codec=codec))

    assert (item.array.shape, item.shape, warnings) == ((3, 3, 16, 24), (12, 3, 32, 48), [])
    # Of twelve frames the third, seventh and eleventh: the middles of three thirds.
    np.testing.assert_allclose(item.array[:, 1, 8:].mean((1, 2)), [30, 90, 150], atol=8)


def test_a_long_video_is_thinned_evenly_in_bounded_memory():
    from equimodal.data.table.items.video.moments import Thinned

    kept = Thinned(4)
    for index in range(1000):
        kept.take(lambda index=index: np.array([index]), None)

    assert kept.seen == 1000
    assert len(kept._kept) == 250
    assert kept.chosen()[:, 0].tolist() == [124, 372, 624, 872]


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", {}),
        ("a.mp4", "libx264", {"movflags": "faststart"}),
        ("a.mp4", "mpeg4", {"movflags": "faststart"}),
        ("a.avi", "mpeg4", {}),
        ("a.flv", "flv", {}),
    ],
    ids=["mp4", "mp4, index first", "mp4 of another codec", "avi", "flv"],
)
def test_a_video_cut_short_anywhere_is_truncated(tmp_path, name, codec, options):
    for share in (0.98, 0.5, 0.05):
        path = media.cut(media.video(tmp_path / name, 30, codec, **options), share)
        # Of an index that is cut itself, nothing may be left.
        assert refused("video", path) in ("truncated", "empty")[: 1 + (share < 0.1)]


@pytest.mark.parametrize(
    ("kind", "name"), [("image", "a.png"), ("sound", "a.wav"), ("video", "a.mp4")]
)
def test_a_file_of_no_byte_is_empty_and_noise_is_no_media(tmp_path, kind, name):
    (tmp_path / name).write_bytes(b"")
    assert refused(kind, tmp_path / name) == "empty"
    (tmp_path / name).write_bytes(np.random.default_rng(0).bytes(5000))
    assert refused(kind, tmp_path / name) in ("unreadable", "truncated")


@pytest.mark.parametrize(
    ("kind", "name"), [("image", "a.png"), ("sound", "a.wav"), ("video", "a.mp4")]
)
def test_a_file_of_another_kind_says_what_it_is(tmp_path, kind, name):
    makers = {"png": media.png, "wav": media.wav, "mp4": media.video}
    for other, make in makers.items():
        if not name.endswith(other):
            content = make(tmp_path / f"x.{other}").read_bytes()
            (tmp_path / name).write_bytes(content)
            with pytest.raises(Unfit, match=f"is named .{name[2:]} but holds {other}"):
                decode(kind, tmp_path / name)


def test_a_waveform_is_the_samples_and_which_of_them_are_there(tmp_path):
    path = media.wav(tmp_path / "a.wav", seconds=0.2)
    samples, _ = soundfile.read(path, dtype="float32")

    item, warnings = decode("waveform", path)

    assert item.array.shape == (2000, 2)
    assert np.array_equal(item.array[:1600, 0], samples)
    assert item.array[:1600, 1].min() == 1 and not item.array[1600:].any()
    assert (item.shape, item.seconds, warnings) == ((1, 1600), 0.2, [])
    peak, _ = decode("waveform", path, level="peak")
    assert np.abs(peak.array[:, 0]).max() == 1
    cut, warnings = decode("waveform", path, seconds=0.1)
    assert np.array_equal(cut.array[:, 0], samples[:800]) and warnings == ["cut"]
    assert decode("waveform", path, rate=4000)[0].array[:, 1].sum() == 800
