"""Formats of every day: each a good file, a damaged one, and one that means harm."""

import struct
import sys

import av
import numpy as np
import pytest
import soundfile
from PIL import Image

from equimodal.data.table.items.decode import opened
from equimodal.data.table.items.decoders import reader
from equimodal.data.table.reading.findings import Unfit
from equimodal.data.table.reading.survey import form
from unit.data.table import media

IMAGES = {"webp": {"lossless": True}, "bmp": {}, "tiff": {}, "tif": {"compression": "tiff_lzw"},
          "gif": {}}  # fmt: skip
SOUNDS = {"ogg": ("OGG", "VORBIS"), "opus": ("OGG", "OPUS"), "mp3": ("MP3", "MPEG_LAYER_III")}
VIDEOS = {"mkv": "libx264", "webm": "libvpx", "mov": "libx264"}


def decode(kind, path, **declared):
    with open(path, "rb") as file:
        facts = reader(kind).measure(opened(file, str(path), path.stat().st_size)[0])
    wanted = form(kind, declared, [facts] if facts else [])
    with open(path, "rb") as file:
        source, _ = opened(file, str(path), path.stat().st_size)
        item = reader(kind).decode(source, wanted.settings)
    assert item.array.shape == wanted.shape
    return item


def pixels(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (12, 10), dtype=np.uint8)


def picture(path, values=None, **options):
    Image.fromarray(pixels() if values is None else values).save(path, **options)
    return path


@pytest.mark.parametrize("name", IMAGES)
def test_a_picture_is_read_as_it_was_saved(tmp_path, name):
    path = picture(tmp_path / f"a.{name}", **IMAGES[name])

    found = decode("image", path, channels=1).array

    assert np.array_equal(found[0], pixels())


@pytest.mark.parametrize("name", IMAGES)
def test_a_picture_that_is_cut_short_is_told(tmp_path, name):
    path = media.cut(picture(tmp_path / f"a.{name}", **IMAGES[name]), 0.6)

    with pytest.raises(Unfit) as told:
        decode("image", path)
    assert told.value.code in ("truncated", "unreadable")


def test_a_picture_of_several_is_refused(tmp_path):
    parts = [Image.fromarray(pixels(seed)) for seed in range(3)]
    for name in ("gif", "tiff", "webp"):
        parts[0].save(tmp_path / f"a.{name}", save_all=True, append_images=parts[1:])
        with pytest.raises(Unfit, match="holds 3 pictures, and an image is one"):
            decode("image", tmp_path / f"a.{name}")


def test_a_tiff_of_many_bits_is_refused(tmp_path):
    path = picture(tmp_path / "a.tiff", pixels().astype(np.uint16) * 257)
    with pytest.raises(Unfit, match="is a tiff of more than 8 bits; save it as a png"):
        decode("image", path)


@pytest.mark.parametrize("name", ["bmp", "gif"])
def test_a_picture_whose_header_asks_for_gigabytes_is_refused(tmp_path, name):
    path = picture(tmp_path / f"a.{name}")
    content = bytearray(path.read_bytes())
    if name == "bmp":
        content[18:26] = struct.pack("<ii", 60_000, 60_000)
    else:
        content[6:10] = struct.pack("<HH", 60_000, 60_000)
    path.write_bytes(content)

    with pytest.raises(Unfit) as told:
        decode("image", path)
    assert told.value.code == "large"


def test_a_picture_of_one_format_is_opened_by_no_other_reader(tmp_path):
    path = tmp_path / "a.webp"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    with pytest.raises(Unfit, match="is no webp"):
        decode("image", path)


def test_a_text_that_starts_like_a_picture_is_a_text(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("BM is short for British Museum")
    with open(path, "rb") as file:
        assert opened(file, str(path), path.stat().st_size)[0].format == "txt"


def sound(path, seconds=1.0):
    rate = 48_000 if path.suffix == ".opus" else 16_000
    time = np.arange(int(seconds * rate)) / rate
    kind, subtype = SOUNDS[path.suffix[1:]]
    with open(path, "wb") as file:
        tone = 0.4 * np.sin(2 * np.pi * 440 * time)
        soundfile.write(file, tone, rate, format=kind, subtype=subtype)
    return path


@pytest.mark.parametrize("name", SOUNDS)
def test_a_sound_is_read_with_its_tone(tmp_path, name):
    item = decode("waveform", sound(tmp_path / f"a.{name}"), rate=8000, seconds=1)

    assert item.seconds == pytest.approx(1, abs=0.1)
    wave = item.array[:, 0][item.array[:, 1] == 1]
    loudest = np.abs(np.fft.rfft(wave)).argmax() * 8000 / len(wave)
    assert loudest == pytest.approx(440, abs=2)
    assert item.warnings == [] or name == "mp3"


def m4a(path, seconds=1.0, tracks=1, channels=1, brand=b"M4A "):
    """A tone as recorders of telephones write it."""
    rate = 16_000
    tone = 0.4 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        for _ in range(tracks):
            stream = container.add_stream("aac", rate=rate)
            stream.layout = {1: "mono", 2: "stereo"}[channels]
            rows = np.repeat(tone.astype(np.float32)[None], channels, 0)
            frame = av.AudioFrame.from_ndarray(rows, format="fltp", layout=stream.layout)
            frame.sample_rate = rate
            for packet in (*stream.encode(frame), *stream.encode()):
                container.mux(packet)
    content = path.read_bytes()
    path.write_bytes(content[:8] + brand + content[12:])
    return path


@pytest.mark.parametrize("brand", [b"M4A ", b"mp42", b"isom"])
@pytest.mark.parametrize("channels", [1, 2])
def test_an_m4a_is_read_with_its_tone_and_its_length(tmp_path, brand, channels):
    path = m4a(tmp_path / "a.m4a", channels=channels, brand=brand)

    item = decode("waveform", path, rate=8000, seconds=2)

    assert item.shape[0] == channels
    assert item.seconds == pytest.approx(1, abs=0.1)
    wave = item.array[:, 0][item.array[:, 1] == 1]
    loudest = np.abs(np.fft.rfft(wave)).argmax() * 8000 / len(wave)
    assert loudest == pytest.approx(440, abs=2)
    assert np.abs(wave).max() == 1 and item.warnings == []


@pytest.mark.parametrize("share", [0.3, 0.6, 0.99])
def test_an_m4a_that_is_cut_short_is_told(tmp_path, share):
    with pytest.raises(Unfit) as told:
        decode("waveform", media.cut(m4a(tmp_path / "a.m4a", 3.0), share), rate=8000, seconds=1)
    assert told.value.code == "truncated"


def test_an_m4a_whose_samples_are_other_bytes_is_refused(tmp_path):
    path = m4a(tmp_path / "a.m4a", 3.0)
    content = path.read_bytes()
    at = content.rindex(b"mdat") + 4
    path.write_bytes(content[:at] + b"\xff" * (len(content) - at))
    with pytest.raises(Unfit):
        decode("waveform", path, rate=8000, seconds=1)


def test_an_m4a_whose_table_lies_about_the_place_of_samples_is_refused(tmp_path):
    path = m4a(tmp_path / "a.m4a", 3.0)
    content = path.read_bytes()
    at = content.index(b"stsz") + 12  # how many samples there are
    path.write_bytes(content[:at] + b"\x7f\xff\xff\xff" + content[at + 4 :])
    with pytest.raises(Unfit):
        decode("waveform", path)


def test_a_video_named_m4a_holds_no_sound(tmp_path):
    media.video(tmp_path / "a.mp4").rename(tmp_path / "a.m4a")
    with pytest.raises(Unfit, match="holds no sound"):
        decode("waveform", tmp_path / "a.m4a")


def test_an_m4a_without_its_reader_says_what_to_install(tmp_path, monkeypatch):
    path = m4a(tmp_path / "a.m4a")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(Unfit, match=r"needs the package av; write pip install 'equimodal\[data\]'"):
        decode("waveform", path)


def test_a_tiff_that_names_a_billion_pixels_is_refused(tmp_path):
    path = picture(tmp_path / "a.tiff")
    content = bytearray(path.read_bytes())
    (at,) = struct.unpack_from("<I", content, 4)
    for place in range(at + 2, at + 2 + 12 * struct.unpack_from("<H", content, at)[0], 12):
        if struct.unpack_from("<H", content, place)[0] in (256, 257):
            struct.pack_into("<HII", content, place + 2, 4, 1, 60_000)
    path.write_bytes(content)
    with pytest.raises(Unfit) as told:
        decode("image", path)
    assert told.value.code == "large"


@pytest.mark.parametrize("name", ["ogg", "opus"])
def test_an_ogg_that_is_cut_short_is_told(tmp_path, name):
    path = media.cut(sound(tmp_path / f"a.{name}", 3.0), 0.6)
    try:
        codes = [code for code, _ in decode("waveform", path, rate=8000, seconds=1).warnings]
    except Unfit as error:
        codes = [error.code]
    assert {"damaged", "truncated", "unreadable", "empty"} & set(codes)


@pytest.mark.parametrize("name", SOUNDS)
def test_a_sound_of_other_bytes_is_refused(tmp_path, name):
    path = sound(tmp_path / f"a.{name}")
    path.write_bytes(path.read_bytes()[:4] + b"\xff" * 3000)
    with pytest.raises(Unfit):
        decode("waveform", path, rate=8000, seconds=1)


@pytest.mark.parametrize("name", VIDEOS)
def test_a_video_is_read_in_order(tmp_path, name):
    try:
        path = media.video(tmp_path / f"a.{name}", codec=VIDEOS[name])
    except av.FFmpegError:
        pytest.skip("this FFmpeg has no such encoder")

    item = decode("video", path, size=[32, 48], frames=4)

    levels = item.array[:, :, 8:].mean((1, 2, 3))
    assert item.shape[0] == 12 and (np.diff(levels) > 20).all()


@pytest.mark.parametrize("name", VIDEOS)
def test_a_video_that_is_cut_short_is_told(tmp_path, name):
    path = media.cut(media.video(tmp_path / f"a.{name}", codec=VIDEOS[name], frames=40), 0.7)
    with pytest.raises(Unfit) as told:
        decode("video", path)
    assert told.value.code == "truncated"


def test_a_matroska_whose_lengths_lie_is_refused(tmp_path):
    path = media.video(tmp_path / "a.mkv")
    content = path.read_bytes()
    at = content.index(b"\x18\x53\x80\x67") + 4  # the length of the segment
    path.write_bytes(content[:at] + b"\x01" + b"\x7f" * 7 + content[at + 8 :])
    with pytest.raises(Unfit, match="its headers announce"):
        decode("video", path)
