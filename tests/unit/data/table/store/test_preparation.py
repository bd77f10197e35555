"""From a table to data that train: what is decoded, what is kept, and what is refused."""

import builtins
import os
import shutil
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from equimodal import data
from equimodal.data.table.items.decode import Reader
from equimodal.data.table.reading import reading
from equimodal.data.table.store import preparation
from equimodal.data.table.store.preparation import prepare
from equimodal.errors import DataError
from unit.data.table import media


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def read_here(monkeypatch):
    """Files are read in this process, where a test can look on."""
    monkeypatch.setattr(
        reading, "answers", lambda task, entries, jobs, ahead: reading._here(task, entries)
    )


def stores(cache):
    return {path.parent.name.split("-")[0]: path.stat().st_size for path in cache.rglob("rows.bin")}


def test_a_table_of_files_becomes_a_data_set_with_the_protocol_of_all_others(my):
    source = data.load(str(my))

    assert source.name == "my.csv"
    assert source.classes == ("cat", "dog")
    assert {m: (x.kind, x.shape) for m, x in source.modalities.items()} == {
        "image": ("image", (1, 12, 10)),
        "sound": ("spectrogram", (1, 40, 9)),
    }
    sizes = [len(split) for split in (source.train, source.validation, source.test)]
    assert sizes == [16, 4, 4]
    inputs, labels = source.train.take(torch.tensor([5, 0]))
    alone, again = source.train.take_modality("image", torch.tensor([5, 0]))
    assert torch.equal(inputs["image"], alone)
    assert torch.equal(labels, again)
    assert inputs["sound"].shape == (2, 1, 40, 9)
    item, label, index = source.train[5]
    assert torch.equal(item["image"], inputs["image"][0])
    assert (label, index) == (labels[0], 5)


def test_every_sample_keeps_its_own_files_and_label(my):
    source = data.load(str(my))
    splits = (source.train, source.validation, source.test)
    everything = source.train.inputs["image"]
    mean, scale = everything.mean.item(), everything.scale.item()

    found = set()
    for split in splits:
        for row, label in zip(split.inputs["image"][:], split.labels.tolist(), strict=True):
            found.add(((row * scale + mean).round().byte().numpy().tobytes(), label))

    expected = {
        (np.asarray(Image.open(my.parent / f"{i}.png")).tobytes(), i % 2) for i in range(24)
    }
    assert found == expected


def test_training_rows_have_the_mean_zero_and_the_deviation_one(my):
    source = data.load(str(my))
    for rows in source.train.inputs.values():
        assert abs(rows[:].mean()) < 1e-5
        assert abs(rows[:].std(correction=0) - 1) < 1e-5


def test_a_repeat_opens_no_file_and_changes_nothing(my, cache, monkeypatch):
    folder = prepare(my)
    opened = []
    real = builtins.open

    def watched(path, *arguments, **options):
        opened.append(str(path))
        return real(path, *arguments, **options)

    monkeypatch.setattr(builtins, "open", watched)
    monkeypatch.setattr(preparation, "read", None)

    assert prepare(my) == folder
    assert [name for name in opened if name.endswith((".png", ".wav"))] == []


def test_a_changed_file_is_decoded_again_and_the_others_are_not(my, cache, monkeypatch):
    first = prepare(my)
    before = stores(cache)
    decoded = []
    from equimodal.data.table.items import images

    real = images.decode
    spy = Reader(lambda s, v: decoded.append(s.path) or real(s, v), images.facts)
    monkeypatch.setitem(images.READERS, "image", spy)
    read_here(monkeypatch)
    media.png(my.parent / "3.png", 200, seed=99)

    second = prepare(my)

    assert second != first
    assert [os.path.basename(path) for path in decoded] == ["3.png"]
    assert stores(cache) == before | {"image": before["image"] + 120}


def test_the_same_content_elsewhere_is_the_same_data(my, tmp_path, cache):
    first = prepare(my)
    before = stores(cache)
    shutil.copytree(my.parent, tmp_path / "moved")

    second = prepare(tmp_path / "moved" / "my.csv")

    assert second.name == first.name  # the fingerprint
    assert stores(cache) == before


def test_an_interrupted_preparation_continues_where_it_stopped(my, cache, monkeypatch):
    from equimodal.data.table.items import images
    from equimodal.data.table.store import cache as cache_module

    real, decoded = images.decode, []

    def interrupted(source, settings):
        decoded.append(source.path)
        if len(decoded) == 16:
            raise KeyboardInterrupt
        return real(source, settings)

    monkeypatch.setattr(cache_module, "_PENDING", 0)
    monkeypatch.setattr("equimodal.data.table.reading.reading._BATCH", 5)
    monkeypatch.setitem(images.READERS, "image", Reader(interrupted, images.facts))
    read_here(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        prepare(my)
    assert stores(cache)["image"] == 15 * 120

    decoded.clear()
    decoded.extend([""] * 16)
    prepare(my)

    assert len(decoded) - 16 == 24 - 15
    assert stores(cache)["image"] == 24 * 120


def test_runs_find_what_they_were_planned_with(my):
    name, root = data.ready(str(my))
    source = data.load(name, root=root)

    again = data.load(name, root=root, seed=3, **source.settings)

    assert name == "my.csv"
    assert torch.equal(again.train.labels, source.train.labels)
    with pytest.raises(DataError, match="changed since the comparison was planned"):
        data.load(name, root=root, **(source.settings | {"fingerprint": "0"}))
    with pytest.raises(DataError, match=r"takes no settings here, found 'snr'; .*my.yaml"):
        data.load(name, root=root, snr=3)


def test_the_declaration_decides_and_the_settings_in_force_are_told(my):
    my.with_suffix(".yaml").write_text("""
ratios: [0.5, 0.25, 0.25]
modalities:
  picture: {column: image, kind: image, size: 8, channels: 3}
  sound: {kind: sound, rate: 8000, seconds: 0.1, bands: 16, window: 64, hop: 80, level: as_is}
""")
    source = data.load(str(my))

    assert [m.shape for m in source.modalities.values()] == [(3, 8, 8), (1, 16, 11)]
    assert len(source.train) == 12
    assert source.settings["modalities"]["sound"] == {
        "kind": "sound", "rate": 8000, "seconds": 0.1, "bands": 16, "window": 64, "hop": 80,
        "level": "as_is",
    }  # fmt: skip
    assert "Noted: 24 samples cut to the declared length." in source.note


def test_every_kind_at_once(tmp_path):
    rng = np.random.default_rng(0)
    rows = []
    for i in range(12):
        np.save(tmp_path / f"v{i}.npy", rng.normal(size=5))
        np.savez(tmp_path / f"s{i}.npz", rng.normal(size=(3 + i % 4, 2)))
        media.video(tmp_path / f"{i}.mp4", 6, value=10 * i)
        text = ["What a film!", "I was bored"][i % 2] + f" {i}"
        rows.append([i % 2, f"v{i}.npy", f"s{i}.npz", f"{i}.mp4", text, f"{i} 0.5", 0.1 * i, i])
    header = ("label", "vector", "sequence", "video", "text", "pair", "age", "id")
    path = media.table(tmp_path / "my.csv", rows, header)
    path.with_suffix(".yaml").write_text(
        "modalities: {vector: , sequence: , video: {kind: video, frames: 2, size: 16}, text: , "
        "pair: , body: {columns: [age, id]}}"
    )

    source = data.load(str(path))

    assert {m: (x.kind, x.shape) for m, x in source.modalities.items()} == {
        "vector": ("vector", (5,)),
        "sequence": ("sequence", (6, 3)),
        "video": ("video", (2, 3, 16, 16)),
        "text": ("text", (6,)),
        "pair": ("vector", (2,)),
        "body": ("vector", (2,)),
    }
    from equimodal.models import build_model

    model = build_model(source.modalities, 2, seed=0)
    inputs, _ = source.train.take(torch.arange(4))
    assert model(inputs).logits.shape == (4, 2)


def test_the_vocabulary_comes_from_training_texts_alone(tmp_path):
    rows = [[i % 2, f"common {'seen' if i < 6 else 'unseen'}", f"{i} 1"] for i in range(12)]
    rows = [[*row, "train" if i < 6 else ("val", "test")[i % 2]] for i, row in enumerate(rows)]
    rows[6][0], rows[7][0] = 0, 1
    path = media.table(tmp_path / "my.csv", rows, ("label", "text", "pair", "split"))

    source = data.load(str(path))

    assert source.modalities["text"].vocabulary == 3 + 2
    assert source.validation.inputs["text"][0].tolist() == [1, 3, 2]


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda folder: media.cut(folder / "3.png", 0.5), r"row 5, image: is a damaged image"),
        (lambda folder: media.cut(folder / "3.wav", 0.5), r"row 5, sound: has .* bytes"),
        (lambda folder: (folder / "3.wav").unlink(), r"row 5, sound: there is no file '3.wav'"),
        (lambda folder: (folder / "3.wav").write_bytes(b""), r"row 5, sound: is empty"),
        (
            lambda folder: shutil.copy(folder / "0.wav", folder / "3.png"),
            r"row 5, image: is named .png but holds wav",
        ),
        (
            lambda folder: edit(folder / "my.csv", "3.png", ""),
            "row 5, image: is empty; .*allow",
        ),
        (lambda folder: edit(folder / "my.csv", "dog,3", ",3"), "row 5: has no label"),
        (lambda folder: edit(folder / "my.csv", "3.png", "../x.png"), "leads out of the data root"),
    ],
    ids=["png cut", "wav cut", "missing", "empty", "other kind", "no cell", "no label", "outside"],
)
def test_a_table_with_a_problem_is_not_trained_on(my, harm, said):
    harm(my.parent)
    with pytest.raises(DataError, match=rf"my\.csv has 1 problem.*{said}.*data check my\.csv"):
        prepare(my)


def test_content_in_two_splits_is_refused_until_it_is_accepted(my):
    rows = [line.split(",") for line in my.read_text().splitlines()[1:]]
    rows = [[*row, "train" if i < 16 else ("val", "test")[i % 2]] for i, row in enumerate(rows)]
    for i, label in ((16, "dog"), (17, "cat")):
        rows[i][0] = label
    media.table(my, rows, ("label", "image", "sound", "split"))
    shutil.copy(my.parent / "2.png", my.parent / "19.png")

    said = (
        r"row 21, image: the same content is in test \(row 21\) and in train \(row 4.*"
        r"write `allow: \[leakage\]` in my\.yaml"
    )
    with pytest.raises(DataError, match=said):
        prepare(my)
    my.with_suffix(".yaml").write_text("allow: [leakage]")
    assert len(data.load(str(my)).test) == 4


def test_warnings_are_told_also_when_the_samples_were_in_the_cache(my, tmp_path):
    import soundfile

    soundfile.write(my.parent / "5.wav", np.zeros(1600), 8000)
    first = data.load(str(my))
    shutil.copytree(my.parent, tmp_path / "moved")
    second = data.load(str(tmp_path / "moved" / "my.csv"))

    assert first.note == second.note
    assert "Noted: 1 silent sounds." in first.note


def test_a_cache_that_cannot_hold_the_data_says_so_before_reading(my, monkeypatch, cache):
    monkeypatch.setenv("EQUIMODAL_CACHE_LIMIT", "0.000001")
    with pytest.raises(
        DataError, match=r"over its limit of 1e-06 GB .*choose another one with --c"
    ):
        prepare(my)
    assert stores(cache) == {"image": 0}


@pytest.mark.parametrize("count", [24, 80])
def test_a_package_that_is_missing_is_named_with_what_installs_it(tmp_path, monkeypatch, count):
    table = media.samples(tmp_path / "many", count)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(DataError, match=r"images needs the package PIL.*install 'equimodal\[data"):
        prepare(table)


def test_a_cache_that_cannot_be_written_is_named(my, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot be written .*--cache"):
        prepare(my, cache=tmp_path / "file" / "cache")


def test_rows_that_were_lost_are_decoded_again(my, cache):
    folder = prepare(my)
    for path in (cache / "items").rglob("*.bin"):
        path.unlink()
    assert prepare(my) == folder
    assert stores(cache)["image"] == 24 * 120


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (("name", "image", "sound"), "has no label column: none of its columns name, image, sound"),
        (("label", "image", "split"), r"1 modality \(image\), balancing needs two"),
    ],
)
def test_a_missing_column_is_named(my, header, said):
    rows = [line.split(",") for line in my.read_text().splitlines()[1:]]
    media.table(my, rows, header)
    with pytest.raises(DataError, match=said):
        prepare(my)


def test_a_declared_column_that_is_missing_is_named(my):
    my.with_suffix(".yaml").write_text("modalities: {picture: {kind: image}, sound: }")
    with pytest.raises(DataError, match=r"no column 'picture' for the modality 'picture'; .*image"):
        prepare(my)


def test_sounds_declared_as_waveforms_are_sequences_of_their_samples(my):
    my.with_suffix(".yaml").write_text(
        "modalities: {image: image, sound: {kind: waveform, rate: 4000}}"
    )
    source = data.load(str(my))

    assert source.modalities["sound"].kind == "sequence"
    assert source.modalities["sound"].shape == (800, 2)
    rows = source.train.inputs["sound"][:]
    assert rows[..., 1].eq(1).all() and abs(rows[..., 0].mean()) < 1e-3


def grouped(path, speakers):
    """A column of speakers and one of splits in a table without either."""
    lines = path.read_text(encoding="utf-8").splitlines()
    splits = ["train"] * 16 + ["validation"] * 4 + ["test"] * 4
    rows = [",".join(cells) for cells in zip(lines[1:], speakers, splits, strict=True)]
    path.write_text("\n".join([f"{lines[0]},group,split", *rows]) + "\n", encoding="utf-8")


def test_samples_of_a_table_know_their_group(my):
    assert data.load(str(my)).test.groups is None
    plain = my.read_text(encoding="utf-8")
    grouped(my, [*"aaaabbbbccccdddd", *"eeff", *"gghg"])
    source = data.load(str(my))
    g, again, h, last = source.test.groups.tolist()
    assert g == again == last != h
    assert len(source.train.groups.unique()) == 4
    # Other groups are other data, so that a folder that was prepared never changes.
    my.write_text(plain, encoding="utf-8")
    grouped(my, [*"aaaabbbbccccdddd", *"eeff", *"gghh"])
    other = data.load(str(my))
    assert other.test.groups.unique(return_counts=True)[1].tolist() == [2, 2]
    assert other.settings["fingerprint"] != source.settings["fingerprint"]
