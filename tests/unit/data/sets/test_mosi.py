"""CMU-MOSI: the files' layout and damage in miniature, and the published files where present."""

import numpy as np
import pytest
import torch

from equimodal import data
from equimodal.data.sets.mosi import FACTS, WIDTHS, blocks
from equimodal.errors import DataError
from places import REAL_DATA

needs_real = pytest.mark.skipif(
    not (REAL_DATA / "cmu_mosi").is_dir(), reason="needs EQUIMODAL_DATA"
)
LABELS = {"train": [1] * 20 + [0] * 20, "test": [0, 1, 1]}


def values(modality, part):
    """Cell of row r and column c: distinct numbers, with the modality in the thousands."""
    rows, columns = len(LABELS[part]), WIDTHS[modality]
    start = 1000 * list(WIDTHS).index(modality)
    return start + np.arange(rows)[:, None] + np.arange(columns) / 1000


def write(root):
    """Six files as published: no header, quoted cells, the label last, CRLF."""
    (root / "cmu_mosi").mkdir()
    for modality in WIDTHS:
        for part, labels in LABELS.items():
            rows = [
                ",".join(f'"{cell}"' for cell in [*row, label])
                for row, label in zip(values(modality, part).tolist(), labels, strict=True)
            ]
            path = root / "cmu_mosi" / f"{modality}_{part}0.csv"
            path.write_bytes("".join(f"{row}\r\n" for row in rows).encode())


@pytest.fixture
def root(tmp_path):
    write(tmp_path)
    return tmp_path


def edit(root, name, change):
    path = root / "cmu_mosi" / name
    path.write_text(change(path.read_text()))


def refused(root, *words):
    with pytest.raises(DataError) as caught:
        data.load("mosi", root=root)
    said = str(caught.value)
    assert all(word in said for word in [*words, "declare-lab/multimodal-deep-learning"]), said
    assert "\n" not in said


def test_modalities_are_the_columns_of_their_files_and_the_last_is_the_label(root):
    source = data.load("mosi", root=root)

    assert {m: k.shape for m, k in source.modalities.items()} == {
        "text": (100,),
        "audio": (73,),
        "video": (100,),
    }
    assert source.test.labels.tolist() == LABELS["test"]
    assert source.classes == ("negative", "positive")
    # Every column counts the rows, so that a standardised test row is (row - mean) / deviation.
    first = source.train.inputs["audio"].numpy()
    assert np.ptp(first, axis=1).max() < 1e-3
    rows = source.test.inputs["audio"][:, 0].numpy()
    assert rows[2] - rows[1] == pytest.approx(rows[1] - rows[0], abs=1e-4)
    assert rows[1] > rows[0]


def test_cells_may_be_without_quotes(root):
    quoted = data.load("mosi", root=root)
    for path in (root / "cmu_mosi").iterdir():
        path.write_text(path.read_text().replace('"', ""))
    plain = data.load("mosi", root=root)

    assert torch.equal(quoted.train.inputs["text"], plain.train.inputs["text"])


def test_a_block_of_each_class_at_the_same_place_is_validation():
    labels = np.array(LABELS["train"])

    assert np.flatnonzero(blocks(labels, 0.0)).tolist() == [0, 1, 2, 20, 21, 22]
    assert np.flatnonzero(blocks(labels, 0.5)).tolist() == [8, 9, 10, 28, 29, 30]
    assert np.flatnonzero(blocks(labels, 1.0)).tolist() == [17, 18, 19, 37, 38, 39]
    assert blocks(labels, 0.999).dtype == bool


def test_a_missing_file_is_named(root):
    (root / "cmu_mosi" / "audio_test0.csv").unlink()

    refused(root, "cmu_mosi/audio_test0.csv", "is missing")


def test_an_empty_root_names_the_first_file_and_its_source(tmp_path):
    refused(tmp_path, FACTS.files[0], "is missing")


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("text_train0.csv", lambda t: "", ["is empty"]),
        ("text_train0.csv", lambda t: t[: len(t) // 2], ["row"]),
        ("audio_train0.csv", lambda t: t[:-3], ["unexpected end of data"]),
        ("audio_train0.csv", lambda t: t.replace('"1005.0",', ""), ["73 cells in row 6", "74"]),
        ("video_test0.csv", lambda t: t.replace('"2001.0"', '"nan"'), ["finite", "row 2"]),
        ("video_test0.csv", lambda t: t.replace('"2001.0"', '"1e999"'), ["finite", "row 2"]),
        ("video_test0.csv", lambda t: t.replace('"2001.0"', '"?"'), ["row 2", "'?'"]),
        ("video_test0.csv", lambda t: t.replace('"2001.0"', '""'), ["no number in row 2"]),
        ("text_test0.csv", lambda t: t.replace('"0"\n', '"2"\n'), ["label 2", "row 1"]),
        ("text_test0.csv", lambda t: t.replace('"0"\n', '"0.5"\n'), ["label 0.5", "row 1"]),
        ("text_test0.csv", lambda t: t + "\n", ["0 cells in row 4"]),
        ("text_test0.csv", lambda t: "é" + t, ["damaged"]),
        ("video_test0.csv", lambda t: t.replace('"0"\n', '"1"\n'), ["another label in row 1"]),
        (
            "audio_train0.csv",
            lambda t: "".join(t.splitlines(keepends=True)[:-1]),
            ["has 39 rows", "has 40"],
        ),
    ],
)
def test_a_damaged_file_is_named_with_the_row(name, change, words, root):
    edit(root, name, change)

    refused(root, f"cmu_mosi/{name}", *words)


def test_too_few_rows_for_validation_are_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(LABELS, "train", [1, 1, 0, 0])
    write(tmp_path)

    refused(tmp_path, "cmu_mosi/text_train0.csv", "too few")


def test_the_same_seed_gives_the_same_split_and_the_global_streams_are_untouched(root):
    torch.manual_seed(0)
    np.random.seed(0)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()

    first, again = (data.load("mosi", root=root, seed=4) for _ in range(2))

    assert torch.equal(first.validation.inputs["video"], again.validation.inputs["video"])
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]


@pytest.fixture(scope="module")
def real():
    return {seed: data.load("mosi", root=REAL_DATA, seed=seed) for seed in (0, 1)}


@needs_real
def test_the_published_files_have_their_counts(real):
    source = real[0]

    assert [len(s) for s in (source.train, source.validation, source.test)] == [1230, 217, 752]
    assert source.train.labels.bincount().tolist() == [738 - 111, 709 - 106]
    assert source.validation.labels.bincount().tolist() == [111, 106]
    assert source.test.labels.bincount().tolist() == [285, 467]
    for split in (source.train, source.validation, source.test):
        assert all(rows.isfinite().all() for rows in split.inputs.values())


@needs_real
def test_training_columns_are_standardised(real):
    for rows in real[0].train.inputs.values():
        deviations = rows.std(dim=0, correction=0)
        assert rows.mean(dim=0).abs().max() < 1e-4
        assert ((deviations - 1).abs() < 1e-3).logical_or(deviations == 0).all()


@needs_real
def test_another_seed_holds_out_other_utterances(real):
    assert not torch.equal(real[0].validation.inputs["text"], real[1].validation.inputs["text"])
    assert torch.equal(real[0].test.labels, real[1].test.labels)
