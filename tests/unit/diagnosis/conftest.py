"""Runs of the tiny data set, trained once, as a comparison leaves them."""

import pytest

from equimodal.comparison.rows import slug
from equimodal.training import setup
from equimodal.training.loop import train
from unit.training.tiny import config, tiny_source

ROWS = ("untrained", "alone:a", "alone:b", "alone:c", "joint", "joint+unimodal")
SEEDS = (3, 4)


def trained_in(folder, rows=ROWS, seeds=SEEDS, **changes):
    """Train rows of the tiny set below a folder."""
    for seed in seeds:
        for row in rows:
            lr = None if row == "untrained" else 0.05
            train(
                config(method=row, seed=seed, lr=lr, **changes),
                folder / f"runs/{slug(row)}/seed-{seed}",
            )
    return folder


@pytest.fixture(scope="package")
def comparison(tmp_path_factory):
    """A folder with all rows of two seeds. Tests that change it take a copy."""
    with pytest.MonkeyPatch.context() as patch:
        setup._loaded.cache_clear()
        patch.setattr(setup, "load", tiny_source)
        folder = trained_in(tmp_path_factory.mktemp("diagnosed") / "tiny")
    setup._loaded.cache_clear()
    return folder
