import gzip
import struct

import numpy as np
import pytest

from equimodal.data.sets.mnist import mnist
from equimodal.errors import DataError

IMAGES, LABELS = "mnist/train-images-idx3-ubyte.gz", "mnist/train-labels-idx1-ubyte.gz"


def write(root, relative, values, *, shape=None, kind=8):
    shape = values.shape if shape is None else shape
    header = struct.pack(f">HBB{len(shape)}I", 0, kind, len(shape), *shape)
    (root / relative).write_bytes(gzip.compress(header + values.tobytes()))


@pytest.fixture
def root(tmp_path):
    (tmp_path / "mnist").mkdir()
    write(tmp_path, IMAGES, np.arange(5 * 784, dtype=np.uint8).reshape(5, 28, 28))
    write(tmp_path, LABELS, np.array([5, 0, 4, 9, 1], np.uint8))
    return tmp_path


def refused(root, words):
    with pytest.raises(DataError, match=words) as caught:
        mnist(root, "train", limit=10)
    assert "Get them from" in str(caught.value)


def test_pixels_run_from_zero_to_one_in_the_files_order(root):
    images, digits = mnist(root, "train", limit=10)
    assert images.shape == (5, 1, 28, 28) and images.dtype == np.float32
    expected = (np.arange(5 * 784) % 256).reshape(5, 1, 28, 28) / 255
    np.testing.assert_allclose(images, expected, rtol=1e-6)
    assert digits.tolist() == [5, 0, 4, 9, 1]


def test_a_limit_keeps_the_first_rows(root):
    images, digits = mnist(root, "train", limit=2)
    assert len(images) == 2 and digits.tolist() == [5, 0]


@pytest.mark.parametrize("relative", [IMAGES, LABELS])
def test_a_missing_file_is_named(root, relative):
    (root / relative).unlink()
    refused(root, f"{relative} is missing")


@pytest.mark.parametrize("kept", [0.3, 0.9])
@pytest.mark.parametrize("relative", [IMAGES, LABELS])
def test_a_truncated_file_is_named(root, relative, kept):
    content = (root / relative).read_bytes()
    (root / relative).write_bytes(content[: int(kept * len(content))])
    refused(root, f"{relative} is damaged or cut short")


def test_a_changed_byte_and_a_file_that_is_not_compressed_are_named(root):
    content = bytearray((root / IMAGES).read_bytes())
    content[len(content) // 2] ^= 255
    (root / IMAGES).write_bytes(bytes(content))
    refused(root, f"{IMAGES} is damaged or cut short")
    (root / IMAGES).write_bytes(b"<html>not found</html>")
    refused(root, f"{IMAGES} is damaged or cut short")


def test_a_header_that_announces_other_rows_is_named(root):
    write(root, LABELS, np.zeros(5, np.uint8), shape=(6,))
    refused(root, f"{LABELS} holds 5 bytes of data, its header announces 6")
    write(root, LABELS, np.zeros(0, np.uint8))
    refused(root, f"{LABELS} holds 0 bytes")


def test_another_kind_of_array_is_named(root):
    write(root, IMAGES, np.zeros((5, 28, 28), np.float32), kind=13)
    refused(root, f"{IMAGES} is no idx file of unsigned bytes in 3 dimensions")
    (root / IMAGES).write_bytes(gzip.compress(b"\0\0\x08\x03\0\0"))
    refused(root, f"{IMAGES} is no idx file")


def test_images_of_another_size_or_number_are_named(root):
    write(root, IMAGES, np.zeros((5, 28, 27), np.uint8))
    refused(root, f"{IMAGES} holds images of 28x27 pixels, expected 28x28")
    write(root, IMAGES, np.zeros((4, 28, 28), np.uint8))
    refused(root, f"{LABELS} holds 5 labels for the 4 images")


def test_a_label_that_is_no_digit_is_named(root):
    write(root, LABELS, np.array([5, 0, 10, 9, 1], np.uint8))
    refused(root, f"{LABELS} holds the label 10 in row 3")
