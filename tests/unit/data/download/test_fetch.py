"""A download that is cut, resumed, refused, too long, wrong, or without a disk or a network."""

import hashlib
import io
import os
import socket

import numpy as np
import pytest

from equimodal.data.download import connection
from equimodal.data.download.fetch import fetch
from equimodal.errors import BalanceError, DataError

CONTENT = np.random.default_rng(0).bytes(300_000)


def right(path):
    return hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(CONTENT).digest()


@pytest.fixture
def get(server, tmp_path, quick):
    """Fetches /file; -> its path."""
    server.files["file"] = CONTENT

    def run(**options):
        path = tmp_path / "file"
        given = {"check": right, "limit": 400_000, "patience": quick} | options
        fetch(given.pop("url", f"{server.url}/file"), path, **given)
        return path

    return run


def left(tmp_path):
    return sorted(p.name for p in tmp_path.iterdir())


def test_a_file_arrives_whole_and_its_progress_is_told(get, tmp_path):
    told = []

    path = get(show=lambda done, total: told.append((done, total)))

    assert path.read_bytes() == CONTENT
    assert left(tmp_path) == ["file"]
    assert told[-1] == (300_000, 300_000)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_a_cut_connection_is_resumed_where_it_ended(get, server):
    server.cuts = [100_000, 50_000]

    assert get().read_bytes() == CONTENT
    assert [asked for _, asked in server.asked] == [None, "bytes=100000-", "bytes=150000-"]


def test_an_interrupted_call_goes_on_in_the_next_one(get, server, tmp_path):
    server.cuts = [100_000, 0, 0]
    with pytest.raises(BalanceError) as caught:
        get()
    said = str(caught.value)
    assert "it ended after 100000 of 300000 bytes" in said
    assert "100000 bytes are kept" in said
    assert left(tmp_path) == ["file.part"]

    server.asked.clear()
    assert get().read_bytes() == CONTENT
    assert [asked for _, asked in server.asked] == ["bytes=100000-"]


def test_a_server_without_ranges_starts_again(get, server):
    server.ranges = False
    server.cuts = [100_000]

    assert get().read_bytes() == CONTENT
    assert [asked for _, asked in server.asked] == [None, "bytes=100000-"]


def test_a_server_that_tells_no_size_is_believed_to_the_checksum(get, server):
    server.sizes = False

    assert get().read_bytes() == CONTENT


def test_a_part_that_is_the_whole_file_needs_no_byte_more(get, server, tmp_path):
    (tmp_path / "file.part").write_bytes(CONTENT)

    assert get().read_bytes() == CONTENT
    assert len(server.asked) == 1


def test_a_part_longer_than_the_file_is_thrown_away(get, tmp_path):
    (tmp_path / "file.part").write_bytes(CONTENT + b"x" * 9)

    assert get().read_bytes() == CONTENT


def test_a_part_of_another_file_is_found_by_the_checksum_and_fetched_again(get, server, tmp_path):
    (tmp_path / "file.part").write_bytes(b"x" * 1000)

    assert get().read_bytes() == CONTENT
    assert [asked for _, asked in server.asked] == ["bytes=1000-", None]


def test_a_wrong_checksum_keeps_nothing(get, tmp_path, server):
    server.files["file"] = CONTENT[:-1] + b"\0"

    with pytest.raises(DataError, match=r"checksum of its 300000 bytes is wrong.*--from"):
        get()
    assert left(tmp_path) == []
    assert len(server.asked) == 1


@pytest.mark.parametrize("sizes", [True, False])
def test_more_than_expected_is_refused_before_it_fills_the_disk(sizes, get, server, tmp_path):
    server.sizes = sizes

    with pytest.raises(DataError, match="200000"):
        get(limit=200_000)
    assert not (tmp_path / "file").exists()
    assert sum(p.stat().st_size for p in tmp_path.iterdir()) <= 200_000


def test_a_disk_that_fills_up_keeps_what_came(get, tmp_path, monkeypatch):
    class Full(io.FileIO):
        def write(self, block):
            if self.tell() >= 3 << 16:
                raise OSError(28, "No space left on device")
            return super().write(block)

    with monkeypatch.context() as patch:
        patch.setattr(connection, "open", lambda path, mode: Full(path, mode), raising=False)
        with pytest.raises(BalanceError, match=r"no space left .* what came so far is kept"):
            get()
    assert (tmp_path / "file.part").stat().st_size == 196608

    assert get().read_bytes() == CONTENT


def test_a_disk_without_room_is_seen_before_the_first_byte(get, tmp_path, monkeypatch):
    found = list(os.statvfs(tmp_path))
    found[4] = 2  # free blocks
    small = os.statvfs_result(found)
    monkeypatch.setattr(os, "statvfs", lambda path: small)

    with pytest.raises(BalanceError, match=r"300000 bytes are to come, \d+ are free"):
        get()
    assert left(tmp_path) == []


def test_a_busy_server_is_asked_again(get, server):
    server.statuses = [503]

    assert get().read_bytes() == CONTENT


@pytest.mark.parametrize("status", [403, 404, 407])
def test_a_refusal_is_final_and_named(status, get, server):
    server.statuses = [status]

    with pytest.raises(BalanceError, match=f"answers HTTP {status} .* --from"):
        get()
    assert len(server.asked) == 1


def test_without_a_server_the_network_and_the_proxy_are_named(get, server):
    server.server_close()

    with pytest.raises(BalanceError) as caught:
        get()

    said = str(caught.value)
    assert f"127.0.0.1:{server.server_port} cannot be reached" in said
    assert "Connection refused" in said and "https_proxy" in said and "fetch http://" in said
    assert "\n" not in said


def test_a_name_that_does_not_resolve_is_no_crash(get, monkeypatch):
    def unknown(*arguments, **options):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", unknown)

    with pytest.raises(BalanceError, match=r"nowhere\.invalid cannot be reached .*Name or service"):
        get(url="http://nowhere.invalid/file")


def test_the_proxy_of_the_environment_is_used(get, server, monkeypatch):
    monkeypatch.setenv("http_proxy", server.url)

    assert get(url="http://nowhere.invalid/folder/file").read_bytes() == CONTENT
    assert server.asked == [("http://nowhere.invalid/folder/file", None)]


@pytest.mark.parametrize("url", ["file:///etc/hosts", "ftp://127.0.0.1/file", "mnist"])
def test_only_http_is_fetched(url, get):
    with pytest.raises(BalanceError, match="no http or https address"):
        get(url=url)
