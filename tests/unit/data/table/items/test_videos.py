"""Videos as a player shows them: turned, cut by edit lists, of unequal rates, whole or damaged."""

import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equimodal.data.table.items import work
from equimodal.data.table.items.decode import opened, revised
from equimodal.data.table.items.decoders import reader
from equimodal.data.table.items.video.turns import Turn
from equimodal.data.table.reading.findings import Unfit
from unit.data.table import media

H, W = 32, 64
COLOURS = np.array([(250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 0)])
ONE = 1 << 16


def numbered(number):
    """A picture whose eight upright bars are the bits of a number."""
    bits = [number >> bit & 1 for bit in range(8)]
    return np.repeat(np.repeat(255 * np.array(bits, np.uint8), W // 8)[None, :, None], H, 0).repeat(
        3, 2
    )


def number_of(row):
    """The number of a frame (3, H, W) that `numbered` made."""
    bars = row.mean(0).reshape(row.shape[1], 8, -1).mean((0, 2)) > 127
    return int(sum(1 << bit for bit, on in enumerate(bars) if on))


def video(path, pictures, times=None, codec="mpeg4", sound=0, **options):
    """Pictures shown from their times on, in hundredths of a second; else ten a second."""
    with av.open(str(path), "w", options=options) as container:
        audio = container.add_stream("aac", rate=16000, layout="mono") if sound else None
        stream = container.add_stream(codec, rate=100 if times else 10)
        stream.height, stream.width = H, W
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for at in range(0, sound, 1024):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), "f4"), "fltp", "mono")
            frame.sample_rate, frame.pts = 16000, at
            container.mux(audio.encode(frame))
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if times:
                frame.pts, frame.time_base = times[index], Fraction(1, 100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound:
            container.mux(audio.encode(None))
    return path


def decode(path, frames=4, size=(H, W)):
    with open(path, "rb") as file:
        source, _ = opened(file, str(path), path.stat().st_size)
        return reader("video").decode(source, {"size": list(size), "frames": frames})


def revision(path):
    with open(path, "rb") as file:
        return reader("video").revision(opened(file, str(path), path.stat().st_size)[0])


def with_matrix(path, a, b, c, d):
    content = bytearray(path.read_bytes())
    at = content.find(b"tkhd") + 4 + 4 + 20 + 16
    content[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    return path


def corners():
    picture = np.zeros((H, W, 3), np.uint8)
    for place, colour in enumerate(COLOURS):
        row, column = divmod(place, 2)
        picture[row * H // 2 :, column * W // 2 :][: H // 2, : W // 2] = colour
    return picture


def colour_numbers(frame):
    """Which colour is in each quarter: upper left, upper right, lower left, lower right."""
    height, width = frame.shape[1:]
    rows, columns = (height // 4, 3 * height // 4), (width // 4, 3 * width // 4)
    found = [frame[:, row, column].astype(int) for row in rows for column in columns]
    return [int(np.abs(COLOURS - colour).sum(1).argmin()) for colour in found]


@pytest.mark.parametrize(
    ("matrix", "expected", "upright"),
    [
        ((ONE, 0, 0, ONE), [0, 1, 2, 3], True),
        ((0, ONE, -ONE, 0), [2, 0, 3, 1], False),  # by a quarter, clockwise
        ((-ONE, 0, 0, -ONE), [3, 2, 1, 0], True),
        ((0, -ONE, ONE, 0), [1, 3, 0, 2], False),
        ((-ONE, 0, 0, ONE), [1, 0, 3, 2], True),  # mirrored
        ((0, ONE, ONE, 0), [0, 2, 1, 3], False),
    ],
)
def test_frames_are_turned_as_the_header_says(tmp_path, matrix, expected, upright):
    path = with_matrix(video(tmp_path / "a.mp4", [corners()] * 4), *matrix)
    size = (H, W) if upright else (W, H)

    item = decode(path, size=size)

    assert item.array.shape == (4, 3, *size)
    assert item.shape == (4, 3, *size)
    assert all(colour_numbers(frame) == expected for frame in item.array)
    assert item.revision == revision(path) == int(expected != [0, 1, 2, 3])


def test_a_matrix_of_no_quarter_turn_is_refused(tmp_path):
    path = with_matrix(video(tmp_path / "a.mp4", [corners()] * 4), ONE, ONE, -ONE, ONE)
    with pytest.raises(Unfit, match="not by quarters"):
        decode(path)


@pytest.mark.parametrize("transposed", [False, True])
def test_a_turn_and_what_it_does_to_numbered_pixels(transposed):
    picture = np.arange(6).reshape(2, 3, 1)
    turned = Turn(transposed, down=True, across=False).applied(picture)[..., 0]
    straight = [[0, 3], [1, 4], [2, 5]] if transposed else [[0, 1, 2], [3, 4, 5]]
    assert turned.tolist() == straight[::-1]


@settings(max_examples=15)
@given(gaps=st.lists(st.integers(1, 40), min_size=2, max_size=30), count=st.integers(1, 9))
def test_frames_of_unequal_length_are_chosen_by_time(tmp_path_factory, gaps, count):
    path = tmp_path_factory.mktemp("v") / "a.mp4"
    times = np.cumsum([0, *gaps]).tolist()
    video(path, [numbered(number) for number in range(len(times))], times)
    with av.open(str(path)) as container:
        shown = [(p.pts, p.duration) for p in container.demux(video=0) if p.pts is not None]
    start, end = shown[0][0], shown[-1][0] + shown[-1][1]

    item = decode(path, count)
    found = [number_of(frame) for frame in item.array]

    steps = np.diff(times)
    for k, number in enumerate(found):
        moment = start + (k + 0.5) / count * (end - start)
        if item.revision:
            slack = 1e-6 * end
            assert shown[number][0] <= moment + slack
            assert number + 1 == len(times) or shown[number + 1][0] >= moment - slack
        else:  # equal lengths: as ever, by number
            assert np.ptp(steps) <= 0.5 * steps.mean() + 3
            assert number == int((k + 0.5) * len(times) / count)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "mpeg4"), ("a.avi", "mpeg4"), ("a.flv", "flv")]
)
@pytest.mark.parametrize("frames", [1, 2, 25, 300])
def test_frames_of_equal_length_are_chosen_by_number_as_ever(tmp_path, name, codec, frames):
    path = video(tmp_path / name, [numbered(n % 256) for n in range(frames)], codec=codec)
    item = decode(path, 3)
    kept = np.arange(frames)[:: 1 if frames <= 256 else 2]
    expected = kept[((np.arange(3) + 0.5) * len(kept) / 3).astype(int)] % 256
    assert [number_of(frame) for frame in item.array] == expected.tolist()
    assert (item.revision, revision(path), item.warnings) == (
        0,
        0,
        [] if frames > 1 else item.warnings,
    )


def test_frames_that_an_edit_list_hides_are_neither_shown_nor_missing(tmp_path):
    video(tmp_path / "whole.mp4", [numbered(n) for n in range(24)], codec="libx264")
    with (
        av.open(str(tmp_path / "whole.mp4")) as given_,
        av.open(
            str(tmp_path / "a.mp4"),
            "w",
            options={"use_editlist": "1", "avoid_negative_ts": "disabled"},
        ) as made,
    ):
        old = given_.streams.video[0]
        new = made.add_stream_from_template(old)
        shift = int(12 * Fraction(1, 10) / old.time_base)
        for packet in given_.demux(old):
            if packet.dts is not None:
                packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, new
                made.mux(packet)

    item = decode(tmp_path / "a.mp4", 12)

    assert [number_of(frame) for frame in item.array] == list(range(12, 24))
    assert (item.shape[0], item.warnings) == (12, [])


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [("a.flv", "flv", {}), ("a.mp4", "mpeg4", {"movflags": "frag_keyframe+empty_moov"})],
)
def test_a_sound_that_lasts_longer_makes_no_video_truncated(tmp_path, name, codec, options):
    path = video(
        tmp_path / name, [numbered(n) for n in range(12)], codec=codec, sound=64000, **options
    )
    item = decode(path, 12)
    numbers = [number_of(frame) for frame in item.array]
    assert numbers == sorted(numbers) and (numbers[0], numbers[-1]) == (0, 11)
    assert (item.shape[0], item.warnings) == (12, [])
    with pytest.raises(Unfit) as caught:
        decode(media.cut(path, 0.6))
    assert caught.value.code == "truncated"


def test_packets_that_cannot_be_decoded_are_told_and_may_be_allowed(tmp_path):
    path = video(tmp_path / "a.avi", [numbered(n) for n in range(12)], codec="mjpeg")
    content = path.read_bytes()
    starts = [at for at in range(len(content)) if content[at : at + 3] == b"\xff\xd8\xff"]
    for at in starts[5:9]:
        content = content[:at] + bytes(700) + content[at + 700 :]
    path.write_bytes(content)

    item = decode(path, 4)

    assert [code for code, _ in item.warnings] == ["damaged"]
    assert "decoded" in item.warnings[0][1]


def test_a_video_of_a_format_that_is_not_read_says_which(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w", format="gif") as container:
        stream = container.add_stream("gif", rate=10)
        stream.height, stream.width = H, W
        stream.pix_fmt = "rgb8"
        for number in range(4):
            frame = av.VideoFrame.from_ndarray(numbered(number), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(Unfit, match="holds gif") as caught:
        decode(tmp_path / "a.mp4")
    assert caught.value.code == "unreadable"


def test_a_row_that_an_earlier_version_stored_sideways_is_made_again(tmp_path):
    upright = video(tmp_path / "a.mp4", [numbered(n) for n in range(4)])
    turned = tmp_path / "b.mp4"
    turned.write_bytes(upright.read_bytes())
    with_matrix(turned, 0, ONE, -ONE, 0)
    task = work.Task("decode", "video", True, {"size": [H, W], "frames": 2})
    entries = [(0, str(upright)), (1, str(turned))]
    digests = []
    for path in (upright, turned):
        with open(path, "rb") as file:
            digests.append(work.digest_of(file))

    outcomes, _ = work.done(task, entries, frozenset(digests))
    assert "shape" not in outcomes[0] and "shape" in outcomes[1]
    assert outcomes[0]["digest"] == digests[0].hex()
    assert outcomes[1]["digest"] == revised(digests[1], 1).hex()

    again, _ = work.done(task, entries, frozenset([digests[0], revised(digests[1], 1)]))
    assert all("shape" not in outcome for outcome in again)
    assert [outcome["digest"] for outcome in again] == [o["digest"] for o in outcomes]
