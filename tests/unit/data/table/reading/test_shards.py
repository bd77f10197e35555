"""WebDataset shards as a table: good ones, damaged ones, and members that mean harm."""

import csv
import io
import json
import tarfile

import pytest
import torch

from equimodal import DataError, data
from equimodal.data.table.check.check import check
from equimodal.data.table.forms import embedded, shards
from equimodal.data.table.forms.inside import open_file
from equimodal.data.table.reading.findings import Unfit
from equimodal.data.table.reading.paths import placed
from equimodal.data.table.reading.table import read_table
from unit.data.table import media

NAME = "set-{00..01}.tar"


def add(archive, name, content, **more):
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for key, value in more.items():
        setattr(member, key, value)
    archive.addfile(member, io.BytesIO(content))


def written(path, members):
    with tarfile.open(path, "w") as archive:
        for name, content, *more in members:
            add(archive, name, content, **(more[0] if more else {}))
    shards._index.cache_clear()
    return path


def sharded(folder, harm=None):
    """The table of `media.samples` in two shards; the class in cls, a number in json."""
    with open(media.samples(folder / "files"), newline="") as file:
        rows = list(csv.DictReader(file))
    members = []
    for k, row in enumerate(rows):
        own = {
            "png": (folder / "files" / row["image"]).read_bytes(),
            "wav": (folder / "files" / row["sound"]).read_bytes(),
            "cls": f"{row['label']}\n".encode(), "json": json.dumps({"taken": k}).encode(),
        }  # fmt: skip
        own |= (harm or {}) if k == 0 else {}
        members += [(f"a/{k:04d}.{kind}", content) for kind, content in own.items()]
    written(folder / "set-00.tar", members[:48])
    written(folder / "set-01.tar", members[48:])
    (folder / "set-{00..01}.yaml").write_text("label: cls\n")
    return folder / NAME


def told(path):
    return [f"{found.code}: {found.line}" for found in check(path, jobs=1).problems]


def test_shards_are_the_table_of_their_files(tmp_path):
    path = sharded(tmp_path)

    assert told(path) == []
    table = read_table(path)
    assert list(table.columns) == ["png", "wav", "cls", "taken"]
    assert [cells[12] for cells in table.columns.values()] == [
        "set-01.tar/a/0012.png", "set-01.tar/a/0012.wav", "cat", "12"
    ]  # fmt: skip
    inside, outside = data.load(str(path)), data.load(str(tmp_path / "files" / "my.csv"))
    for one, other in (("png", "image"), ("wav", "sound")):
        rows = torch.arange(len(inside.train))
        assert torch.equal(inside.train.inputs[one][rows], outside.train.inputs[other][rows])

    before = inside.settings["fingerprint"]
    sharded(tmp_path, {"png": media.png(tmp_path / "x.png", 200).read_bytes()})
    assert data.load(str(path)).settings["fingerprint"] != before


def test_a_damaged_member_is_named_by_its_row(tmp_path):
    (said,) = told(sharded(tmp_path, {"wav": b"RIFF\xff\xff\0\0WAVE"}))
    assert said.startswith("truncated: row 1, wav: has 12 bytes")


PNG = ("a.png", b"x")
LINK = {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}


@pytest.mark.parametrize(("members", "said"), [
    ([PNG, ("a.wav", b"", LINK)], "'a.wav', which is no file of the form"),
    ([PNG, ("a.wav", b"", {"type": tarfile.LNKTYPE, "linkname": "a.png"})], "which is no file"),
    ([PNG, ("a.wav", b"", {"type": tarfile.CHRTYPE})], "which is no file of the form"),
    ([PNG, ("README", b"x")], "'README', which is no file of the form <sample>.<kind>"),
    ([PNG, (".png", b"x")], "which is no file of the form"),
    ([PNG, PNG], "holds 'png' twice in the sample 'a'"),
    ([PNG, ("b.png", b"x"), ("a.wav", b"x")], "holds the sample 'a' twice"),
    ([PNG, ("a.json", b"{")], "'a.json' in my.tar is no text or JSON"),
    ([PNG, ("a.json", b"[1]")], "'a.json' in my.tar must be an object"),
    ([PNG, ("a.json", b'{"png": 1}')], "holds 'png' twice"),
    ([PNG, ("a.json", b'{"x": {"y": 1}}')], "holds a dict in row 1"),
    ([PNG, ("a.cls", b"\xff\xfe")], "'a.cls' in my.tar is no text"),
    ([PNG, ("a.cls", b"x" * (2**20 + 1))], "a text or JSON has 1,048,576 at most"),
    ([], "holds no row"),
])  # fmt: skip
def test_members_that_could_be_two_things_or_mean_harm_are_refused(tmp_path, members, said):
    with pytest.raises(DataError) as error:
        read_table(written(tmp_path / "my.tar", members))
    assert said in str(error.value)


@pytest.mark.parametrize("name", ["../../etc/passwd.png", "/etc/passwd.png"])
def test_a_member_named_as_a_file_outside_is_read_from_the_archive_alone(tmp_path, name):
    path = written(tmp_path / "my.tar", [(name, b"inside")])
    (cell,) = read_table(path).columns["png"]
    try:
        place, _ = placed(cell, str(tmp_path), "image")
    except Unfit:
        return
    with open_file(place) as file:
        assert file.read() == b"inside"


def test_a_tar_that_is_cut_short_or_compressed_is_refused(tmp_path):
    path = media.cut(sharded(tmp_path).with_name("set-00.tar"), 0.5)
    with pytest.raises(DataError, match=r"set-00.tar is damaged"):
        read_table(path)
    with tarfile.open(tmp_path / "c.tar", "w:gz") as archive:
        add(archive, "a.png", b"x")
    with pytest.raises(DataError, match=r"no tar without compression .*unpack a .tar.gz"):
        read_table(tmp_path / "c.tar")
    with pytest.raises(DataError, match="There is no file"):
        read_table(tmp_path / "more-{00..02}.tar")
    with pytest.raises(DataError, match=r"must count up, over 100,000 files at most"):
        read_table(tmp_path / "set-{0..999999}.tar")


def test_a_member_that_claims_too_much_is_refused(tmp_path, monkeypatch):
    path = written(tmp_path / "my.tar", [("a.png", b"x" * 100)])
    monkeypatch.setattr(shards, "MOST_BYTES", 10)
    with pytest.raises(Unfit, match="has 100 bytes, more than 10"):
        shards.content_of(str(path), "a.png")
    with pytest.raises(Unfit, match=r"no plain file 'b.png' in it"):
        shards.content_of(str(path), "b.png")


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_that_announces_too_much_is_not_read(tmp_path, kind):
    header = tarfile.TarInfo("a")
    header.type, header.size = kind, 3 << 30
    path = written(tmp_path / "my.tar", [PNG])
    start = path.read_bytes()[:1024]
    with open(path, "wb") as file:
        file.write(start + header.tobuf(tarfile.GNU_FORMAT))
        file.truncate(header.size)  # a sparse file: it takes no place
    with pytest.raises(DataError, match=r"my.tar has a header that announces 3,221,225,472 bytes"):
        read_table(path)
    assert shards.content_of(str(path), "a.png") == b"x"


def test_headers_without_end_are_damage(tmp_path):
    header = tarfile.TarInfo("a")
    header.type = tarfile.GNUTYPE_LONGNAME
    (tmp_path / "my.tar").write_bytes(header.tobuf(tarfile.GNU_FORMAT) * 2000)
    with pytest.raises(DataError, match=r"my.tar is damaged"):
        read_table(tmp_path / "my.tar")


def test_samples_without_a_name_in_common_are_refused_before_they_fill_the_memory(
    tmp_path, monkeypatch
):
    members = [(f"{k}.json", json.dumps({f"x{k}": k}).encode()) for k in range(10)]
    path = written(tmp_path / "my.tar", members)
    monkeypatch.setattr(embedded, "MOST_CELLS", 100)
    assert len(read_table(path).columns) == 10
    monkeypatch.setattr(embedded, "MOST_CELLS", 99)
    with pytest.raises(DataError, match=r"my.tar has 10 rows of 10 columns; write files of 99"):
        read_table(path)
