"""CMU-MOSI and CMU-MOSEI: the pickles of MulT and MMSA as npy files, and MMSA's clips."""

import pickle
import shutil
from collections import Counter

import numpy as np
import pytest
import soundfile

from equimodal.data.miniatures import cmu_mosi as mini
from equimodal.errors import DataError
from unit.data.converters import made
from unit.data.converters.conftest import splits


@pytest.fixture
def root(tmp_path):
    (tmp_path / "mosi").mkdir()
    mini.write(tmp_path / "mosi")
    return tmp_path / "mosi"


def change(path, edit):
    content = pickle.loads(path.read_bytes())
    edit(content)
    path.write_bytes(pickle.dumps(content))


def test_features_become_sequences_without_their_padding(root, manifest):
    rows, declared, summary = manifest("cmu-mosi", root)

    assert splits(rows) == {"train": 6, "validation": 3, "test": 3}
    assert [row["label"] for row in rows[:3]] == ["negative", "non-negative", "non-negative"]
    for i, row in enumerate(rows[:6]):
        for name, width in mini.WIDTHS.items():
            found = np.load(root / row[name])
            expected = mini.features("train")[name][i, 4 - i % 3 :]
            assert found.shape == (1 + i % 3, width) and found.dtype == np.float32
            if (i, name) != (0, "audio"):
                assert (found == expected).all()
    assert declared["modalities"]["audio"] == {"column": "audio", "kind": "sequence"}
    assert "Features and split of mosi_data.pkl." in summary.notes


def test_values_that_are_not_finite_become_0_and_are_counted(root, manifest):
    rows, _, summary = manifest("cmu-mosi", root)

    assert np.load(root / rows[0]["audio"])[-1, 1] == 0
    assert "1 values that are not finite became 0." in summary.notes


@pytest.mark.parametrize(
    ("labels", "classes", "count"),
    [
        ("sign", {"negative": 4, "non-negative": 8}, 12),
        ("nonzero", {"negative": 4, "positive": 4}, 8),
        ("seven", {"-2": 4, "0": 4, "2": 4}, 12),
    ],
)
def test_opinions_become_classes_as_asked(labels, classes, count, root, manifest):
    rows, _, _ = manifest("cmu-mosi", root, labels=labels)

    assert Counter(row["label"] for row in rows) == classes
    assert len(rows) == count


def test_the_pickle_of_mmsa_has_lengths_and_videos(root, manifest):
    made.write_mmsa(root)

    rows, declared, _ = manifest("cmu-mosei", root)

    assert rows[0]["text"] == "derived/unaligned_50/train-0-text.npy"
    assert np.load(root / rows[1]["audio"]).shape == (2, 3)
    assert [row["group"] for row in rows[::6]] == ["train-video", "valid-video"]
    assert declared["group"] == "group"


def test_the_pickle_is_the_first_that_is_there_or_the_one_asked_for(root, manifest):
    made.write_mmsa(root)

    assert "derived/mosi_data/" in manifest("cmu-mosi", root)[0][0]["text"]
    rows, _, _ = manifest("cmu-mosi", root, file="unaligned_50.pkl", resume=True)
    assert "derived/unaligned_50/" in rows[0]["text"]


def test_clips_keep_their_text_and_get_their_sound(tmp_path, manifest):
    made.write_clips(tmp_path / "mosi")

    rows, declared, _ = manifest("cmu-mosi", tmp_path / "mosi", form="clips")

    assert splits(rows) == {"train": 6, "validation": 3, "test": 3}
    assert rows[1]["text"] == "WELL, 1 TIMES"
    assert rows[1]["video"] == "Raw/train-video/1.mp4"
    assert len(soundfile.read(tmp_path / "mosi" / rows[1]["sound"])[0]) > 6000
    assert [m["kind"] for m in declared["modalities"].values()] == ["text", "sound", "video"]


def test_a_malicious_pickle_is_refused_by_name(root, manifest, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (root / "mosi_data.pkl").write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")

    with pytest.raises(DataError, match=r"asks for os\.system; it was not read"):
        manifest("cmu-mosi", root)
    assert not (tmp_path / "ran").exists() and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda c: c.pop("valid"), "holds no split 'valid', expected train, valid and test"),
        (lambda c: c["test"].pop("audio"), r"holds no array \(N, T, D\) of numbers as test\.audio"),
        (lambda c: c["test"].pop("labels"), "holds neither labels nor regression_labels"),
        (
            lambda c: c["test"].update(text=c["test"]["text"][1:]),
            r"arrays of different lengths in test: \[2, 3\]",
        ),
        (lambda c: c["test"].update(text=c["test"]["text"][0]), r"no array \(N, T, D\)"),
    ],
)
def test_a_pickle_that_lacks_something_is_named(edit, words, root, manifest):
    change(root / "mosi_data.pkl", edit)

    with pytest.raises(DataError, match=words):
        manifest("cmu-mosi", root)


def test_a_folder_without_a_pickle_names_those_that_are_read(tmp_path, manifest):
    with pytest.raises(DataError, match=r"holds no mosi_data\.pkl or mosi_data_noalign\.pkl or"):
        manifest("cmu-mosi", tmp_path)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("mode", "part", "label.csv without the column mode"),
        (",train\n", ",dev\n", "'dev' as the mode"),
        ("-2.4", "bad", "with the label 'bad'"),
        ("train-video,0", "../x,0", "as the mode of a sample"),
    ],
)
def test_a_table_of_clips_that_is_not_mmsas_is_refused(before, after, words, tmp_path, manifest):
    made.write_clips(tmp_path / "mosi")
    path = tmp_path / "mosi" / "label.csv"
    path.write_text(path.read_text().replace(before, after, 1))

    with pytest.raises(DataError, match=words):
        manifest("cmu-mosi", tmp_path / "mosi", form="clips")


def test_clips_without_their_folder_are_refused(tmp_path, manifest):
    made.write_clips(tmp_path / "mosi")
    shutil.rmtree(tmp_path / "mosi" / "Raw")

    with pytest.raises(DataError, match="holds no folder Raw"):
        manifest("cmu-mosi", tmp_path / "mosi", form="clips")
