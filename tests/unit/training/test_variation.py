"""Pictures of a table vary in training alone, and a run that was stopped goes on to the same."""

import pytest
import torch

from equimodal import data
from equimodal.data.table.store.preparation import prepare
from equimodal.errors import DataError
from equimodal.storage.files import load_checkpoint
from equimodal.training import loop
from equimodal.training.evaluation import fused_loss
from equimodal.training.loop import train
from equimodal.training.setup import Batches, build
from unit.data.table import media
from unit.training.tiny import config

YAML = "modalities: {image: {kind: image, size: [12, 10], crop: [8, 8], augment: [%s]}, sound: {}}"


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A folder for decoded items, shared by the tables of this file."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def prepared(cache, tmp_path_factory):
    """A table with random crops and flips, prepared, and its prepared folder."""
    path = media.samples(tmp_path_factory.mktemp("my"))
    path.with_suffix(".yaml").write_text(YAML % "crop, flip")
    return path, prepare(path, cache=cache, jobs=1)


def run(prepared, **changes):
    path, _ = prepared
    return config(data=path.name, batch_size=8, epochs=2, lr=0.01, **changes)


def test_training_data_vary_with_the_epoch_and_nothing_else_does(prepared):
    source = data.load(prepared[0].name, root=prepared[1])
    rows = torch.arange(len(source.train))
    plain = source.train.take(rows)[0]
    first, second = (source.train.varied(0, epoch).take(rows)[0] for epoch in (0, 1))

    assert source.modalities["image"].shape == plain["image"].shape[1:] == (1, 8, 8)
    assert not torch.equal(first["image"], second["image"])
    assert torch.equal(first["sound"], plain["sound"])
    assert torch.equal(source.train.varied(0, 1).take(rows)[0]["image"], second["image"])
    some, _ = source.train.varied(0, 1).take_modality("image", torch.tensor([5, 2]))
    assert torch.equal(some, second["image"][[5, 2]])
    whole = source.train.inputs["image"]
    middle = (torch.from_numpy(whole.file.read(whole.slots)).float() - whole.mean) / whole.scale
    assert torch.equal(plain["image"], middle[:, :, 2:10, 1:9])


def test_a_crop_changes_no_stored_row_but_the_data_that_a_run_belongs_to(prepared, cache):
    path, folder = prepared
    path.with_suffix(".yaml").write_text(YAML % "resized_crop")
    other = prepare(path, cache=cache, jobs=1)
    path.with_suffix(".yaml").write_text(YAML % "crop, flip")

    assert other != folder
    assert len(list((cache / "items").glob("image-*"))) == 1
    assert data.load(path.name, root=other).settings["modalities"]["image"]["crop"] == [8, 8]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("size: 12, crop: 13", r"crop \[13, 13\] is larger than the size \[12, 12\]"),
        ("size: 12, augment: crop", "no crop is declared; write crop"),
    ],
)
def test_a_crop_that_cannot_be_is_refused(tmp_path, cache, settings, message):
    path = media.samples(tmp_path / "my", count=6)
    text = f"modalities: {{image: {{kind: image, {settings}}}, sound: {{}}}}"
    path.with_suffix(".yaml").write_text(text)
    with pytest.raises(DataError, match=message):
        prepare(path, cache=cache, jobs=1)


def test_a_run_that_was_stopped_sees_the_same_pictures(prepared, tmp_path):
    def stop(epochs, accuracy):
        raise KeyboardInterrupt

    root = str(prepared[1])
    train(run(prepared), tmp_path / "whole", data_root=root)
    with pytest.raises(KeyboardInterrupt):
        train(run(prepared), tmp_path / "stopped", data_root=root, notify=stop)
    train(run(prepared), tmp_path / "stopped", data_root=root)

    found = [load_checkpoint(tmp_path / name / "checkpoint.pt") for name in ("whole", "stopped")]
    for key, value in found[0]["model"].items():
        assert torch.equal(value, found[1]["model"][key])


@pytest.mark.parametrize("method", ["joint", "dus", "alone:image", "relearn"])
def test_every_row_trains_on_varied_pictures_and_is_judged_on_plain_ones(
    prepared, tmp_path, monkeypatch, method
):
    seen = {"trained": [], "judged": [], "measured": []}
    measuring = []
    setup = build(run(prepared, method=method), data_root=str(prepared[1]))
    rows = type(setup.source.train.inputs["image"])
    read = rows.__getitem__

    def noted(self, index):
        if self.variation.names:  # the images; sounds are as they are
            use = "measured" if measuring else "trained" if torch.is_grad_enabled() else "judged"
            seen[use].append(self.variation.moment)
        return read(self, index)

    def measured(*arguments):
        measuring.append(True)
        try:
            return fused_loss(*arguments)
        finally:
            measuring.pop()

    monkeypatch.setattr(rows, "__getitem__", noted)
    monkeypatch.setattr(loop, "fused_loss", measured)
    train(run(prepared, method=method), tmp_path, data_root=str(prepared[1]))

    assert set(seen["trained"]) == {(3, 0), (3, 1)}
    assert set(seen["judged"]) == {None}
    # The fused training loss is that of the rows as they were trained on.
    assert set(seen["measured"]) == (set() if method.startswith("alone:") else {(3, 0), (3, 1)})
    assert next(iter(Batches(setup.source.train)))[0]["image"].shape[-1] == 8
