"""Measures that take the model of a run: its selected weights are loaded from the checkpoint."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from equimodal.balancing.balancer import Balancer
from equimodal.balancing.collection import default_forward
from equimodal.data.target import CLASSIFICATION
from equimodal.diagnosis.inside import Inside, inside_of
from equimodal.diagnosis.own_model.deep import gradient_measures, purities
from equimodal.diagnosis.own_model.subject import Subject
from equimodal.diagnosis.stored.run_files import RunFiles
from equimodal.errors import BalanceError
from equimodal.parts.quiet import quiet
from equimodal.storage.files import load_checkpoint
from equimodal.training.config import JOINT, RunConfig
from equimodal.training.run_folder import CHECKPOINT

if TYPE_CHECKING:
    from equimodal.training.setup import Setup


def look_inside(
    run: RunFiles,
    split: str,
    *,
    data_root: str | Path | None = None,
    cache: str | Path | None = None,
) -> Inside:
    """What takes the model, of a run's selected weights: the families ``gradients``,
    ``fisher_trace`` and ``purity``, and all that the head gives with changed features.

    Args:
        run: trained on two or more modalities.
        split: whose features are held against those of the training data.
        data_root: folder with the data set's files, where it needs them.
        cache: folder of a table's decoded samples.

    Raises:
        BalanceError: the checkpoint is missing or damaged, or the data cannot be loaded.
    """
    from equimodal import data as sources
    from equimodal.training.setup import Batches, build

    path = run.folder / CHECKPOINT
    if not path.exists():
        raise BalanceError(f"'{path}' is missing, so that the model cannot be looked into.")
    known = [f.name for f in fields(RunConfig) if f.name in run.config]
    config = RunConfig(**{name: run.config[name] for name in known})
    config = replace(config, method=JOINT, settings={}, teachers={})  # its model alone is read
    _, root = sources.ready(config.data, data_root, cache=cache, progress=False)
    setup = build(config, data_root=root)
    setup.network.load_state_dict(load_checkpoint(path)["best"])
    missing = any(modality.missing for modality in setup.source.modalities.values())
    if missing or setup.source.target.task != CLASSIFICATION:
        return _of_head(setup, split)
    assert isinstance(setup.balancer, Balancer)
    readout = setup.network.readout()
    subject = Subject(setup.network, setup.balancer.setting.modalities, default_forward, readout)
    train = Batches(setup.source.train)
    judged = Batches(getattr(setup.source, split))
    seen, unseen = subject.see(train, "train"), subject.see(judged, split)
    more = {**gradient_measures(subject, train), "purity": purities(seen, unseen)}
    with quiet(setup.network):
        setup.network.head.cpu()
        found = inside_of(
            setup.network.fuse, unseen.features, unseen.unimodal_logits, unseen.labels
        )
    return Inside(found.contributions, {**found.measured, **more})


def _of_head(setup: Setup, split: str) -> Inside:
    """What the head gives with changed features, of samples that have every modality.

    Gradients, Fisher information and purity are read of classes and whole samples alone.
    """
    from equimodal.training.evaluation import predict

    seen = predict(setup, getattr(setup.source, split))
    rows = slice(None) if seen.patterns is None else seen.patterns.whole
    features = {m: own[rows] for m, own in seen.features.items()}
    unimodal = {m: own[rows] for m, own in seen.unimodal_logits.items()}
    with quiet(setup.network):
        setup.network.head.cpu()
        return inside_of(setup.network.fuse, features, unimodal, seen.labels[rows])
