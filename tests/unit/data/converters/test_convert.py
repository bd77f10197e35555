"""What all converters promise: all or nothing, missing files counted and named, no overwriting."""

import shutil

import pytest

from equimodal.data import converters
from equimodal.data.converters.convert import convert
from equimodal.data.miniatures import cremad
from equimodal.errors import BalanceError, DataError

CLIPS = ("1001_DFA_ANG_XX", "1001_IEO_ANG_HI", "1002_DFA_ANG_XX", "1002_IEO_ANG_HI")


@pytest.fixture
def root(miniature, tmp_path):
    shutil.copytree(miniature(cremad), tmp_path / "CREMA-D")
    return tmp_path / "CREMA-D"


def written(tmp_path):
    return [p.name for p in tmp_path.rglob("*") if p.suffix == ".yaml" or p.stem.endswith("my")]


def test_missing_and_empty_files_and_pointers_are_counted_and_named(root, manifest, tmp_path):
    paths = [root / "AudioWAV" / f"{clip}.wav" for clip in CLIPS]
    paths[0].unlink()
    paths[1].write_bytes(b"")
    paths[2].write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n")
    paths[3].unlink()

    with pytest.raises(DataError) as caught:
        manifest("cremad", root)

    said = str(caught.value)
    assert "lacks 4 files of the 48 samples" in said
    assert f"AudioWAV/{CLIPS[0]}.wav (missing), AudioWAV/{CLIPS[1]}.wav (empty)" in said
    assert "a Git LFS pointer, fetch it with `git lfs pull`) and 1 more" in said
    assert written(tmp_path) == []


def test_samples_with_missing_files_are_left_out_when_asked(root, manifest):
    (root / "AudioWAV" / f"{CLIPS[0]}.wav").unlink()
    (root / "VideoFlash" / f"{CLIPS[1]}.flv").unlink()

    rows, _, summary = manifest("cremad", root, allow_missing=True)

    assert len(rows) == 46
    assert summary.left_out == 2
    assert "2 of 48 samples are left out: their files are missing or damaged." in summary.notes


def test_a_split_without_samples_is_refused(root, manifest):
    for line in (root / "val.csv").read_text().split():
        (root / "AudioWAV" / f"{line[:-4]}.wav").unlink()

    with pytest.raises(DataError, match="leaves no sample for the split 'validation'"):
        manifest("cremad", root, allow_missing=True)


def test_a_manifest_that_exists_is_kept_unless_asked(root, manifest, tmp_path):
    manifest("cremad", root)
    before = (tmp_path / "out" / "my.csv").read_bytes()

    with pytest.raises(BalanceError, match="exists; choose another --out"):
        manifest("cremad", root, split="usual")
    assert (tmp_path / "out" / "my.csv").read_bytes() == before

    manifest("cremad", root, split="usual", resume=True)
    assert (tmp_path / "out" / "my.csv").read_bytes() != before


def test_a_full_disk_leaves_no_manifest(root, manifest, tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("equimodal.storage.files.os.fsync", full)

    with pytest.raises(BalanceError, match="no space left"):
        manifest("cremad", root)
    assert written(tmp_path) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "cremed"}, "There is no converter 'cremed'.*Did you mean 'cremad'"),
        ({"root": "nowhere"}, "The data root 'nowhere' is no folder; for cremad it holds AudioWAV"),
        ({"out": "my.tsv"}, "A manifest is a .csv, found 'my.tsv'"),
        ({"settings": {"splits": "usual"}}, "cremad has no setting 'splits'.*Did you mean 'split'"),
        ({"settings": {"split": "usual", "validation": 2}}, "cremad.validation must be a number"),
        ({"settings": {"split": "usual", "seed": -1}}, "cremad.seed must be a whole number"),
        ({"jobs": 0}, "jobs must be a whole number >= 1; found 0"),
    ],
)
def test_wrong_arguments_are_refused(change, words, root, tmp_path):
    arguments = {"name": "cremad", "root": root, "out": tmp_path / "my.csv"} | change

    with pytest.raises(BalanceError, match=words):
        convert(arguments.pop("name"), **arguments)
    assert written(tmp_path) == []


@pytest.mark.parametrize("name", converters.names())
def test_every_converter_states_files_origin_licence_and_explains_its_settings(name):
    info = converters.describe(name)

    assert info.summary.endswith(".") and info.files and info.origin and info.licence
    assert all(info.meanings.values()), info.meanings
