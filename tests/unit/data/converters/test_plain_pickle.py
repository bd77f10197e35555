"""Pickles as numpy and the field write them; and those that would run code, hang or fill memory."""

import collections
import os
import pickle
import struct

import numpy as np
import pytest

from equimodal.data.converters.plain_pickle import read_pickle
from equimodal.errors import DataError

RNG = np.random.default_rng(0)
CONTENT = {
    "float32": RNG.normal(size=(3, 4, 5)).astype(np.float32),
    "float64": RNG.normal(size=(2, 3)),
    "big endian": np.arange(6, dtype=">i4").reshape(2, 3),
    "columns first": np.asfortranarray(RNG.normal(size=(3, 4))),
    "view": np.arange(20)[::3],
    "bytes": np.array([b"video", b"7"]),
    "texts": np.array(["läuft", "no"]),
    "objects": np.array(["clip$_$1", "clip$_$2"], dtype=object),
    "empty": np.zeros((0, 4)),
    "flags": np.array([True, False]),
    "half": np.array([1.5], np.float16),
    "scalar": np.float64(2.5),
    "plain": {"a": [1, 2.5, None, True, "x", b"y"], "b": (1, "z")},
    "ordered": collections.OrderedDict(a=1),
}


def stored(tmp_path, content):
    path = tmp_path / "my.pkl"
    path.write_bytes(content)
    return path


def same(found, expected):
    if isinstance(expected, np.ndarray) and expected.dtype != object:
        assert found.dtype == expected.dtype
        return found.shape == expected.shape and (found == expected).all()
    return found == (list(expected) if isinstance(expected, (tuple, np.ndarray)) else expected)


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("name", [n for n in CONTENT if n != "plain"])
def test_arrays_and_scalars_come_back_as_they_were(name, protocol, tmp_path):
    path = stored(tmp_path, pickle.dumps({"it": CONTENT[name]}, protocol))

    assert same(read_pickle(path)["it"], CONTENT[name])


@pytest.mark.parametrize("protocol", range(6))
def test_plain_containers_come_back_with_tuples_as_lists(protocol, tmp_path):
    path = stored(tmp_path, pickle.dumps(CONTENT["plain"], protocol))

    assert read_pickle(path) == {"a": [1, 2.5, None, True, "x", b"y"], "b": [1, "z"]}


def test_an_array_that_python_2_wrote_is_read(tmp_path):
    # numpy.core.multiarray._reconstruct with its bytes as a latin-1 text, as protocol 2 held them.
    content = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xff"
        b"J\xff\xff\xff\xffK\x00tb\x89U\x10" + struct.pack("<2d", 1.5, -2.0) + b"tb."
    )
    assert pickle.loads(content, encoding="latin1").tolist() == [1.5, -2.0]

    assert read_pickle(stored(tmp_path, content)).tolist() == [1.5, -2.0]


def test_what_occurs_twice_is_read_once(tmp_path):
    doubled = []
    for _ in range(15):
        doubled = [doubled, doubled]

    found = read_pickle(stored(tmp_path, pickle.dumps(doubled)))

    assert found[0] is found[1]


class Evil:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


CALLS = {
    "system": Evil(os.system, "touch ran"),
    "exec": Evil(exec, "open('ran', 'w')"),
    "getattr": Evil(getattr, "x", "upper"),
    "load": Evil(np.load, "ran"),
    "Counter": collections.Counter("aab"),
}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_refused_by_name_and_not_made(name, protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = stored(tmp_path, pickle.dumps({"train": [1, CALLS[name]]}, protocol))

    with pytest.raises(
        DataError, match=rf"asks for \S*\.{name}; it was not read, because that could run"
    ):
        read_pickle(path)
    assert os.listdir(tmp_path) == ["my.pkl"]


@pytest.mark.parametrize(
    "content",
    [
        b"cos\nsystem\n(S'touch ran'\ntR.",
        b"(S'touch ran'\nios\nsystem\n.",
        b"(cos\nsystem\nS'touch ran'\no.",
        b"\x80\x04\x8c\x05numpy\x8c\x0fcore.multiarray\x93.",
        b"\x80\x04\x8c\x05numpy\x8c\x10ndarray.__reduce\x93.",
        b"\x80\x02cnumpy\nfromfile\n.",
        b"\x80\x02ccopyreg\n_reconstructor\n.",
        b"\x80\x02Pid\n.",
        b"\x80\x02cnumpy\ndtype\n.",
        b"\x80\x02cnumpy\ndtype\n}b.",
        b"\x80\x02cnumpy\ndtype\nN}\x86b.",
        b"\x80\x02cnumpy\ndtype\nU\x02V8\x85R.",
        b"\x80\x02cnumpy\ndtype\nU\x0ai4,O,(2,)f\x85R.",
        b"\x80\x02c_codecs\nencode\nU\x01xU\x05rot13\x86R.",
    ],
)
def test_what_is_no_array_is_refused(content, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(DataError, match="it was not read, because that could run code"):
        read_pickle(stored(tmp_path, content))
    assert os.listdir(tmp_path) == ["my.pkl"]


def cyclic():
    loop = []
    loop.append(loop)
    return loop


def array_state(shape, raw, kind=b"U\x02f8"):
    """A pickle of an array whose shape and bytes need not agree; shape and raw are opcodes."""
    return (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01" + shape + b"cnumpy\ndtype\n" + kind + b"\x85R\x89" + raw + b"tb."
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        pickle.dumps(CONTENT["float64"])[:-20],
        b"\x80\x02]r\xff\xff\xff\xff",  # a place in the memo far away, and no end
        array_state(b"K\x03\x85", b"U\x08" + b"\0" * 8),  # three numbers in the bytes of one
        array_state(b"J\xff\xff\xff\xff\x85", b"U\x08" + b"\0" * 8),  # a negative length
        array_state(b"K\x02\x85", b"]", b"U\x01O"),  # two objects, none there
        pickle.dumps(cyclic()),
        pickle.dumps({(1, 2): 3}),
    ],
    ids=range(9),
)
def test_a_damaged_or_deceiving_pickle_is_named(content, tmp_path):
    with pytest.raises(DataError, match=r"my\.pkl' is damaged or no pickle \("):
        read_pickle(stored(tmp_path, content))


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x05\x8e" + struct.pack("<Q", 1 << 40) + b"x.",  # bytes of a terabyte
        b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b"x.",  # the same, to change
        b"\x80\x04\x95" + struct.pack("<Q", 1 << 40) + b"x.",  # a frame
        b"\x80\x02\x8b" + struct.pack("<i", 1 << 30) + b"x.",  # a number
    ],
    ids=range(4),
)
def test_no_memory_is_taken_for_what_is_only_announced(content, tmp_path):
    with pytest.raises(DataError, match=r"EOFError: \d+ bytes are announced, 2 are left"):
        read_pickle(stored(tmp_path, content))


def test_a_large_array_is_read_without_a_copy_of_each_number(tmp_path):
    rows = np.zeros((1000, 50, 20), np.float32)

    found = read_pickle(stored(tmp_path, pickle.dumps({"a": rows})))["a"]

    assert found.nbytes == rows.nbytes and not found.flags.owndata
