"""What a header declares takes neither the memory nor the time of the process that reads it."""

import resource
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from equimodal.data.table.items import worker
from equimodal.data.table.items.decode import opened
from equimodal.data.table.items.decoders import reader
from equimodal.data.table.items.pool import answers
from equimodal.data.table.items.work import Task
from equimodal.data.table.reading.findings import Unfit
from unit.data.table import media

SOUND = {"rate": 8000, "seconds": 0.2, "bands": 8, "window": 128, "hop": 80, "level": "peak"}


def with_rate(path, rate, speed=None):
    content = bytearray(media.wav(path).read_bytes())
    content[24:28] = struct.pack("<I", rate)
    content[28:32] = struct.pack("<I", rate * 2 % 2**32 if speed is None else speed)
    path.write_bytes(content)
    return path


def read(path, name="decode", kind="sound"):
    with open(path, "rb") as file:
        source, _ = opened(file, str(path), path.stat().st_size)
        found = reader(kind)
        return found.decode(source, SOUND) if name == "decode" else found.measure(source)


@pytest.mark.parametrize("rate", [1, 99, 768_001, 2_000_003, 134_225_728, 2**31 - 1])
@pytest.mark.parametrize("name", ["decode", "measure"])
def test_a_rate_that_no_recorder_writes_is_refused_before_it_is_used(tmp_path, rate, name):
    with pytest.raises(Unfit, match="samples a second"):
        read(with_rate(tmp_path / "a.wav", rate), name)


@pytest.mark.parametrize("rate", [100, 11_025, 44_101, 767_999, 768_000])
def test_a_rate_that_is_rare_is_read(tmp_path, rate):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.sin(np.arange(4000)), rate)
    item = read(path)
    assert (item.array.shape, item.seconds) == ((1, 8, 21), 4000 / rate)
    assert [code for code, _ in item.warnings if code != "cut"] == []


def test_channels_without_number_are_refused_and_many_are_averaged(tmp_path):
    values = np.linspace(-0.5, 0.5, 200 * 300).reshape(300, 200)
    soundfile.write(tmp_path / "a.wav", values, 8000, subtype="FLOAT")
    assert read(tmp_path / "a.wav").shape == (200, 300)
    soundfile.write(tmp_path / "b.wav", np.zeros((30, 300)), 8000)
    with pytest.raises(Unfit, match="has 300 channels"):
        read(tmp_path / "b.wav")


@settings(max_examples=30)
@given(bit=st.integers(0, 31))
def test_no_flipped_bit_of_a_rate_passes_without_a_word(tmp_path_factory, bit):
    path = tmp_path_factory.mktemp("w") / "a.wav"
    with_rate(path, 8000 ^ 1 << bit, speed=16000)
    try:
        said = [code for code, _ in read(path).warnings]
    except Unfit as error:
        said = [error.code]
    assert set(said) & {"damaged", "unreadable"}


_GREEDY = """
from equimodal.data.table.items import images, worker
from equimodal.data.table.items.decode import Reader
import numpy as np
real = images.decode
def greedy(source, settings):
    if source.path.endswith("greedy.png"):
        np.ones(worker.MEMORY // 8 + 1)
    return real(source, settings)
images.READERS["image"] = Reader(greedy, images.facts)
main = worker.main
"""


def test_a_file_that_takes_too_much_memory_is_named_and_the_others_are_read(tmp_path, monkeypatch):
    (tmp_path / "greedy.py").write_text(_GREEDY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("equimodal.data.table.items.pool.TARGET", "greedy:main")
    entries = [(i, str(media.png(tmp_path / f"{n}.png"))) for i, n in enumerate(["a", "greedy"])]
    task = Task("decode", "image", True, {"size": [12, 10], "channels": 1})
    before = resource.getrlimit(resource.RLIMIT_DATA)

    outcomes = [outcome for part, _ in answers(task, entries, jobs=1) for outcome in part]

    assert "problem" not in outcomes[0]
    assert outcomes[1]["problem"] == ["large", "needs more memory than a file may take"]
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    assert worker.MEMORY <= 4 * 2**30
