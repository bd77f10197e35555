"""`get`: FSDD and MNIST from a server into the layout that avdigits reads, and all the others."""

import hashlib
import io
import tarfile

import pytest

from cli import tiny_files
from equimodal import data
from equimodal.data import converters
from equimodal.data.download import fsdd_archive, get, mnist_files, names
from equimodal.errors import BalanceError, DataError
from places import REAL_DATA

needs_real = pytest.mark.skipif(not (REAL_DATA / "fsdd").is_dir(), reason="needs EQUIMODAL_DATA")


def archive(recordings, extra=()):
    """A tar.gz as GitHub makes it of a tag: one folder around all."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        members = [(f"set-1.0.10/recordings/{p.name}", p.read_bytes()) for p in recordings]
        for name, content in [("set-1.0.10/README.md", b"# FSDD"), *members, *extra]:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def digest(recordings):
    lines = [
        f"{p.name} {hashlib.sha256(p.read_bytes()).hexdigest()}\n"
        for p in sorted(recordings, key=lambda p: p.name)
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@pytest.fixture
def published(server, tmp_path, monkeypatch):
    """The server holds both sets in miniature, and their checksums are those that are expected."""
    source = tmp_path / "source"
    tiny_files.write_avdigits(source)
    recordings = list((source / "fsdd" / "recordings").iterdir())
    monkeypatch.setattr(fsdd_archive, "DIGEST", digest(recordings))
    server.files[fsdd_archive.ARCHIVE] = archive(recordings)
    files = {}
    for path in (source / "mnist").iterdir():
        content = server.files[path.name] = path.read_bytes()
        files[path.name] = (len(content), hashlib.md5(content).hexdigest(), "")
    monkeypatch.setattr(mnist_files, "FILES", files)
    return source


@pytest.fixture
def fetched(server, published, tmp_path, quick):
    """Gets a set from the server."""

    def run(name):
        return get(name, root=tmp_path / "data", mirror=server.url, patience=quick)

    return run


def test_avdigits_loads_what_was_fetched(fetched, tmp_path, published):
    said = fetched("fsdd") + fetched("mnist")

    source = data.load("avdigits", root=tmp_path / "data")
    again = data.load("avdigits", root=published)
    assert (source.train.inputs["audio"] == again.train.inputs["audio"]).all()
    assert "CC BY-SA 4.0" in said and "CC BY-SA 3.0" in said
    left = sorted(p.name for p in (tmp_path / "data" / "fsdd").iterdir())
    assert left == ["recordings"]


def test_both_come_from_their_own_addresses(server, published, tmp_path, quick, monkeypatch):
    monkeypatch.setattr(fsdd_archive, "ADDRESS", f"{server.url}/archive/")
    monkeypatch.setattr(mnist_files, "ADDRESS", f"{server.url}/mnist/")

    get("avdigits", root=tmp_path / "data", patience=quick)

    assert server.asked[0][0] == "/archive/v1.0.10.tar.gz"
    assert {path for path, _ in server.asked[1:]} == {f"/mnist/{n}" for n in mnist_files.FILES}
    data.load("avdigits", root=tmp_path / "data")


def test_what_is_there_is_not_fetched_again(fetched, server):
    fetched("fsdd"), fetched("mnist")
    server.asked.clear()

    fetched("fsdd"), fetched("mnist")

    assert server.asked == []


def test_a_file_of_the_user_is_neither_used_nor_replaced(fetched, tmp_path):
    own = tmp_path / "data" / "mnist" / "t10k-labels-idx1-ubyte.gz"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"mine")

    with pytest.raises(DataError, match="is there, but is not what was published; move it away"):
        fetched("mnist")
    assert own.read_bytes() == b"mine"


def test_other_recordings_than_published_are_refused_and_not_unpacked(fetched, server, tmp_path):
    recordings = list((tmp_path / "source" / "fsdd" / "recordings").iterdir())
    server.files[fsdd_archive.ARCHIVE] = archive(recordings[1:])

    with pytest.raises(DataError, match="does not hold the 3,000 recordings"):
        fetched("fsdd")
    assert [p.name for p in (tmp_path / "data" / "fsdd").iterdir()] == [fsdd_archive.ARCHIVE]


def test_nothing_of_an_archive_lands_outside_its_folder(fetched, server, tmp_path):
    recordings = list((tmp_path / "source" / "fsdd" / "recordings").iterdir())
    evil = [
        ("../../evil.wav", b"x"),
        ("/evil.wav", b"x"),
        ("set/recordings/../../../1_a_1.wav", b"x"),
        ("set/recordings/deep/1_a_1.wav", b"x"),
        ("set/recordings/run.sh", b"x"),
    ]
    server.files[fsdd_archive.ARCHIVE] = archive(recordings, evil)

    fetched("fsdd")

    written = {p.name for p in (tmp_path / "data").rglob("*") if p.is_file()}
    assert written == {p.name for p in recordings}


def test_a_truncated_archive_is_no_archive(fetched, server, tmp_path):
    server.files[fsdd_archive.ARCHIVE] = server.files[fsdd_archive.ARCHIVE][:-5000]

    with pytest.raises(DataError, match="is not the file that was published"):
        fetched("fsdd")
    assert list((tmp_path / "data" / "fsdd").iterdir()) == []


@pytest.mark.parametrize("name", [n for n in names() if n not in ("fsdd", "mnist", "avdigits")])
def test_for_all_others_terms_and_address_are_told(name, tmp_path):
    said = get(name, root=tmp_path)

    if name == "keypad":
        assert said == "keypad is made on the spot: there is nothing to fetch."
    else:
        info = (converters if name in converters.names() else data).describe(name)
        assert info.licence in said and info.origin in said and all(f in said for f in info.files)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": "fsd"}, "There is no data set 'fsd'.*Did you mean 'fsdd'"),
        ({"name": "mnist"}, "mnist needs a folder for its files; write --data-root"),
        (
            {"name": "avdigits", "root": "data", "mirror": "http://x"},
            "--from names one folder, avdigits comes from 2; get fsdd and mnist one by one",
        ),
    ],
)
def test_wrong_arguments_are_refused(arguments, words):
    with pytest.raises(BalanceError, match=words):
        get(**arguments)


@needs_real
def test_the_checksums_are_those_of_the_published_files():
    assert fsdd_archive.complete(REAL_DATA / "fsdd" / "recordings")
    assert all(mnist_files.right(REAL_DATA / "mnist" / name) for name in mnist_files.FILES)
