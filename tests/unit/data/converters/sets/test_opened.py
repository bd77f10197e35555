"""What converters write is what tables are: each opens as a data set."""

import pytest

from equimodal import data
from equimodal.data.miniatures import cmu_mosi, cremad, sarcasm

KINDS = {
    cmu_mosi: {"text": "sequence", "audio": "sequence", "vision": "sequence"},
    cremad: {"sound": "spectrogram", "video": "video"},
    sarcasm: {"text": "text", "image": "image"},
}


@pytest.mark.parametrize("module", KINDS, ids=lambda module: module.__name__.rpartition(".")[2])
def test_a_converted_set_opens_as_a_data_set(module, miniature, manifest, tmp_path, monkeypatch):
    monkeypatch.setenv("EQUIMODAL_CACHE", str(tmp_path / "cache"))
    root = miniature(module)
    rows, _, _ = manifest(module.__name__.rpartition(".")[2].replace("_", "-"), root)

    source = data.load(str(tmp_path / "out" / "my.csv"), root=root)

    splits = {"train": source.train, "validation": source.validation, "test": source.test}
    assert {name: len(split) for name, split in splits.items()} == {
        name: sum(row["split"] == name for row in rows) for name in splits
    }
    assert {m: x.kind for m, x in source.modalities.items()} == KINDS[module]
    assert set(source.classes) == {row["label"] for row in rows}
