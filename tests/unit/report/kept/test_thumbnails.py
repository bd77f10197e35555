"""Small pictures of samples."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from equimodal.report.kept.thumbnails import SIDE, picture, png, shown, text_of


def opened(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (2, 4, 3)])
def test_another_reader_finds_the_same_pixels(shape):
    pixels = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    assert (opened(png(pixels)) == pixels).all()


def test_an_image_goes_from_its_darkest_to_its_brightest_value():
    assert picture("image", np.array([[[-1.0, 0.0], [1.0, 2.0]]])).tolist() == [[0, 85], [170, 255]]


def test_three_channels_are_colours_and_others_their_mean():
    colours = np.zeros((3, 2, 2))
    colours[1] = 1
    assert picture("image", colours)[0, 0].tolist() == [0, 255, 0]
    assert picture("image", np.array([[[0.0, 1.0]], [[0.0, 3.0]]])).tolist() == [[0, 255]]


def test_low_frequencies_are_at_the_bottom():
    assert picture("spectrogram", np.array([[[0.0], [1.0]]])).tolist() == [[255], [0]]


def test_a_video_shows_its_middle_frame():
    frames = np.zeros((3, 1, 1, 2))
    frames[1, 0, 0, 1] = 5
    assert picture("video", frames).tolist() == [[0, 255]]


def test_a_sequence_shows_the_steps_that_are_there_from_left_to_right():
    steps = np.array([[0.0, 9.0, 1.0], [1.0, 3.0, 1.0], [7.0, 7.0, 0.0]])
    assert picture("sequence", steps).tolist() == [[0, 28], [255, 85]]


def test_a_vector_is_a_strip():
    assert picture("vector", np.array([0.0, 2.0, 1.0])).tolist() == [[0, 255, 128]]


def test_large_pictures_are_averaged_down():
    large = np.repeat(np.repeat(np.arange(SIDE * SIDE).reshape(SIDE, SIDE), 3, 0), 2, 1)
    small = picture("image", large[None].astype(float))
    wanted = np.rint(255 * np.arange(SIDE * SIDE).reshape(SIDE, SIDE) / (SIDE * SIDE - 1))
    assert (small == wanted).all()


@pytest.mark.parametrize("row", [np.zeros((1, 2, 2)), np.full((1, 2, 2), np.nan)])
def test_what_has_no_contrast_is_grey(row):
    assert (picture("image", row) == 128).all()


def test_the_letters_of_a_text_are_shown_where_its_tokens_are_bytes():
    tokens = np.array([1, *(3 + byte for byte in "día".encode()), 0, 0])
    assert text_of(tokens, 259) == "día"
    assert shown("text", tokens, 259) == {"text": "día"}


def test_a_text_of_words_tells_how_many():
    assert text_of(np.array([1, 17, 5, 0]), 1000) == "a text of 2 words"


def test_what_is_shown_of_a_picture_is_a_png():
    found = shown("image", np.array([[[0.0, 1.0]]]))
    assert opened(base64.b64decode(found["png"])).tolist() == [[0, 255]]
