"""Pictures of many bits, with transparency, and turned: every value against plain arithmetic."""

import struct
import zlib

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from equimodal.data.table.items.decode import opened
from equimodal.data.table.items.decoders import reader
from equimodal.data.table.reading.findings import Unfit
from equimodal.data.table.reading.survey import form

H, W = 4, 6
KINDS = {1: 0, 2: 4, 3: 2, 4: 6}


def png(path, values, *chunks):
    """A png of the array (H, W, channels), bytes or 16 bits, with more chunks before its data."""
    height, width, channels = values.shape
    bits = 8 * values.dtype.itemsize
    header = struct.pack(">IIBBBBB", width, height, bits, KINDS[channels], 0, 0, 0)
    lines = b"".join(b"\0" + line.astype(f">u{bits // 8}").tobytes() for line in values)
    content = b"\x89PNG\r\n\x1a\n"
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    for name, data in parts:
        content += struct.pack(">I", len(data)) + name + data
        content += struct.pack(">I", zlib.crc32(name + data))
    path.write_bytes(content)
    return path


def source_of(file, path):
    return opened(file, str(path), path.stat().st_size)[0]


def decode(path, **declared):
    """The picture as a column of it alone would be read."""
    with open(path, "rb") as file:
        facts = reader("image").measure(source_of(file, path))
    wanted = form("image", declared, [facts])
    with open(path, "rb") as file:
        item = reader("image").decode(source_of(file, path), wanted.settings)
    with open(path, "rb") as file:
        assert reader("image").revision(source_of(file, path)) == item.revision
    assert (item.array.shape, item.array.dtype) == (wanted.shape, np.dtype(wanted.dtype))
    return item


def codes(item):
    return [code for code, _ in item.warnings]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("pictures")


@given(values=arrays.arrays("u2", (H, W, 1)))
def test_every_level_of_sixteen_grey_bits_survives(folder, values):
    item = decode(png(folder / "a.png", values))
    assert np.array_equal((item.array[0] * 257).round(), values[..., 0])


@given(values=arrays.arrays("u2", (H, W, 3)))
def test_every_level_of_sixteen_bits_a_colour_survives(folder, values):
    item = decode(png(folder / "a.png", values))
    assert np.array_equal((item.array * 257).round(), values.transpose(2, 0, 1))
    grey = decode(folder / "a.png", channels=1).array[0]
    np.testing.assert_allclose(grey, values @ [0.299, 0.587, 0.114] / 257, atol=1e-4)


@given(
    values=arrays.arrays("u1", (H, W, 4)) | arrays.arrays("u2", (H, W, 4)),
    background=st.sampled_from(["white", "black"]),
)
def test_hidden_colours_do_not_show_through(folder, values, background):
    item = decode(png(folder / "a.png", values), background=background)

    most = np.iinfo(values.dtype).max
    seen = values[..., 3:] / most
    behind = 255 if background == "white" else 0
    expected = values[..., :3] / most * 255 * seen + behind * (1 - seen)
    np.testing.assert_allclose(item.array.transpose(1, 2, 0), expected, atol=1)
    assert ("transparent" in codes(item)) == bool((seen < 1).any())


@given(values=arrays.arrays("u1", (H, W, 2)))
def test_grey_with_transparency_is_grey_over_white(folder, values):
    item = decode(png(folder / "a.png", values))
    seen = values[..., 1] / 255
    np.testing.assert_allclose(item.array[0], values[..., 0] * seen + 255 * (1 - seen), atol=1)


def test_opaque_pictures_are_read_as_ever_with_and_without_an_alpha(tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (H, W, 4), dtype="u1")
    values[..., 3] = 255
    item, plain = decode(png(tmp_path / "a.png", values)), png(tmp_path / "b.png", values[..., :3])
    assert np.array_equal(item.array, values[..., :3].transpose(2, 0, 1))
    assert (item.revision, codes(item)) == (0, [])
    with av.open(str(plain)) as container:
        other = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert np.array_equal(decode(plain).array.transpose(1, 2, 0), other)


@pytest.mark.parametrize(
    ("dtype", "channels", "clear"), [("u1", 1, 3), ("u2", 1, 30_000), ("u1", 3, 3), ("u2", 3, 999)]
)
def test_the_one_colour_that_a_png_calls_transparent_is_background(
    tmp_path, dtype, channels, clear
):
    values = np.full((H, W, channels), 9, dtype)
    values[1, 2] = clear
    chunk = (b"tRNS", struct.pack(">H", clear) * channels)
    item = decode(png(tmp_path / "a.png", values, chunk))
    assert item.array[:, 1, 2].tolist() == [255] * channels
    assert item.array[0, 0, 0] == pytest.approx(9 if dtype == "u1" else 9 / 257)
    assert "transparent" in codes(item)


def test_a_palette_with_transparency_is_shown_over_white(tmp_path):
    levels = np.arange(120, dtype=np.uint8).reshape(12, 10)
    image = Image.fromarray(levels).convert("P")
    image.save(tmp_path / "a.png", transparency=bytes(range(100)))
    item = decode(tmp_path / "a.png", channels=1)
    seen = np.where(levels < 100, levels / 255, 1)
    np.testing.assert_allclose(item.array[0], levels * seen + 255 * (1 - seen), atol=1)
    assert (item.revision, codes(item)) == (1, ["transparent"])


def test_sixteen_bits_of_grey_with_transparency_are_refused(tmp_path):
    with pytest.raises(Unfit, match="16 bits with transparency"):
        decode(png(tmp_path / "a.png", np.full((H, W, 2), 7, "u2")))


def test_eight_bits_beside_sixteen_have_the_same_scale(tmp_path):
    low = png(tmp_path / "a.png", np.arange(24, dtype="u1").reshape(H, W, 1))
    with open(low, "rb") as file:
        given_ = {"size": [H, W], "channels": 1, "depth": 16}
        item = reader("image").decode(source_of(file, low), given_)
    assert item.array.dtype == np.float32
    assert np.array_equal(item.array[0], np.arange(24).reshape(H, W))


def test_the_bits_of_a_column_count_also_where_all_else_is_declared(tmp_path):
    path = png(tmp_path / "a.png", np.full((H, W, 1), 1000, "u2"))
    item = decode(path, size=[H, W], channels=1)
    assert item.array.max() == pytest.approx(1000 / 257)


UPRIGHT = {
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.swapaxes(0, 1),
    6: lambda p: p.swapaxes(0, 1)[:, ::-1],
    7: lambda p: p.swapaxes(0, 1)[::-1, ::-1],
    8: lambda p: p.swapaxes(0, 1)[::-1],
}


@settings(max_examples=40)
@given(
    note=st.integers(0, 12) | st.sampled_from([65535]),
    dtype=st.sampled_from(["u1", "u2"]),
    channels=st.sampled_from([1, 3]),
)
def test_pictures_are_upright_and_of_their_own_size_under_any_orientation(
    folder, note, dtype, channels
):
    values = np.arange(H * W * channels, dtype=dtype).reshape(H, W, channels)
    exif = struct.pack("<2sHIHHHIII", b"II", 42, 8, 1, 0x0112, 3, 1, note, 0)
    item = decode(png(folder / "a.png", values, (b"eXIf", exif)))
    expected = UPRIGHT.get(note, lambda p: p)(values).transpose(2, 0, 1)
    assert item.array.shape == expected.shape
    np.testing.assert_allclose(item.array * (1 if dtype == "u1" else 257), expected, atol=1e-3)
