"""Processes that read files: they answer for every item, whatever happens to one of them."""

import textwrap

import pytest

from equimodal.data.table.items import pool
from equimodal.data.table.items.pool import answers
from equimodal.data.table.items.work import Task, unpacked
from unit.data.table import media

TASK = Task("decode", "image", True, {"size": [12, 10], "channels": 1}, None, True)

_HARMFUL = textwrap.dedent("""
    import os, signal, time
    from equimodal.data.table.items import images, worker
    from equimodal.data.table.items.decode import Reader
    real = images.decode
    def harmful(source, settings):
        if source.path.endswith("dies.png"):
            os.kill(os.getpid(), signal.SIGSEGV)
        if source.path.endswith("hangs.png"):
            time.sleep(600)
        return real(source, settings)
    images.READERS["image"] = Reader(harmful, images.facts)
    main = worker.main
""")


def test_every_item_is_answered_once_with_its_row(tmp_path):
    paths = [str(media.png(tmp_path / f"{i}.png", 20 + i)) for i in range(70)]
    found = {}
    for outcomes, content in answers(TASK, list(enumerate(paths)), jobs=2):
        rows = iter(unpacked(content, (1, 12, 10), "u1"))
        found |= {outcome["i"]: next(rows) for outcome in outcomes}

    assert sorted(found) == list(range(70))
    assert abs(float(found[69].mean()) - 89) < 12


@pytest.mark.parametrize(
    ("name", "said"), [("dies.png", "its reader died"), ("hangs.png", "took longer than 1 s")]
)
def test_an_item_that_kills_or_stops_its_reader_is_named_and_the_others_are_read(
    tmp_path, monkeypatch, name, said
):
    (tmp_path / "harmful.py").write_text(_HARMFUL)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(pool, "TARGET", "harmful:main")
    monkeypatch.setattr(pool, "CHUNK", 3)
    names = ["a.png", name, "b.png", "c.png"]
    entries = [(i, str(media.png(tmp_path / n))) for i, n in enumerate(names)]

    outcomes = [o for part, _ in answers(TASK, entries, jobs=1, patience=1) for o in part]

    by_item = {outcome["i"]: outcome for outcome in outcomes}
    assert sorted(by_item) == [0, 1, 2, 3]
    assert by_item[1]["problem"][0] == "unreadable"
    assert said in by_item[1]["problem"][1]
    assert all("problem" not in by_item[i] for i in (0, 2, 3))


def test_processes_end_when_nobody_listens_any_more(tmp_path):
    entries = [(i, str(media.png(tmp_path / f"{i}.png"))) for i in range(70)]
    workers = []
    original = pool._Worker.__init__

    def remember(self, task):
        original(self, task)
        workers.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool._Worker, "__init__", remember)
        reading = answers(TASK, entries, jobs=2)
        next(reading)
        next(reading)
        reading.close()

    assert len(workers) == 2
    assert all(worker._process.poll() is not None for worker in workers)
