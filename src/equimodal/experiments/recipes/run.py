"""Runs a recipe: official files to a table, the table to a comparison, its numbers beside."""

import csv
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from equimodal.comparison.folder import DATA, check_new
from equimodal.data import miniatures
from equimodal.data.converters import load as load_converter
from equimodal.data.converters.convert import convert
from equimodal.data.converters.manifest_files import declaration_path
from equimodal.errors import BalanceError
from equimodal.experiments.compare import compare
from equimodal.experiments.recipes import load
from equimodal.experiments.recipes.recipe import TRAINING, Recipe, Value, plain
from equimodal.experiments.recipes.tiny import WHY, shrunk
from equimodal.storage.files import make_folder

YOURS = "given by you"


@dataclass(frozen=True)
class Reproduction:
    """What came of a recipe: the recipe as it was run, its results, and their folder."""

    recipe: Recipe
    results: dict[str, Any]
    folder: Path


def reproduce(
    name: str,
    *,
    data_root: str | Path | None = None,
    out: str | Path | None = None,
    seeds: int | Sequence[int] | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | Sequence[float] | None = None,
    methods: Sequence[str] | None = None,
    settings: Mapping[str, object] | None = None,
    encoders: Mapping[str, str] | None = None,
    device: str = "cpu",
    jobs: int | None = None,
    cache: str | Path | None = None,
    resume: bool = False,
    tiny: bool = False,
    allow_missing: bool = False,
    progress: bool = True,
) -> Reproduction:
    """Run the recipe of a paper and data set on its official files.

    Args:
        name: one of `equimodal.experiments.recipes.names()`.
        data_root: folder of the official files; none for ``tiny``.
        out: folder of the results. None: ``results/<name>``. The table is in its folder ``data``.
        seeds: how many, or which. None: 3, or for ``tiny`` 1.
        epochs: passes over the data. None: the recipe's, as for all that follow.
        batch_size: samples of a step.
        lr: learning rate, or several to search through.
        methods: rows.
        settings: replace the recipe's of methods, optimiser, and converter.
        encoders: replace the recipe's.
        device: ``cpu``, ``cuda`` or ``cuda:<index>``.
        jobs: runs at a time.
        cache: folder of the decoded samples.
        resume: continue what is in the folder.
        tiny: write the miniature of the data set and run the recipe in a small form, in seconds.
        allow_missing: leave out samples whose files are missing.
        progress: show how far it is, on the error stream.

    Raises:
        BalanceError: the name, an argument or the official files are wrong, or training failed.
    """
    folder = Path(out if out is not None else f"results/{load(name).name}")
    check_new(folder, resume=resume)
    recipe = changed(
        shrunk(load(name)) if tiny else load(name), settings, encoders,
        epochs=epochs, batch_size=batch_size, lr=lr,
    )  # fmt: skip
    root = _root(recipe, folder, data_root, tiny)
    table, count = _table(recipe, folder, root, jobs=jobs, resume=resume, missing=allow_missing)
    if tiny and recipe.batch_size.source != YOURS:
        few = max(2, count // 2)  # two steps an epoch
        recipe = replace(recipe, batch_size=Value(min(recipe.batch_size.value, few), WHY))
    results = compare(
        str(table), data_root=root, methods=list(methods or recipe.rows),
        seeds=seeds if seeds is not None else ([0] if tiny else 3),
        settings=_of_rows(recipe, methods or recipe.rows), encoders=plain(recipe.encoders),
        fusion=recipe.fusion.value, device=device, jobs=jobs, out=folder, resume=True,
        cache=folder / DATA / "cache" if tiny and cache is None else cache, here=tiny,
        progress=progress, **{key: getattr(recipe, key).value for key in TRAINING},
    )  # fmt: skip
    return Reproduction(recipe, results, folder)


def changed(
    recipe: Recipe,
    settings: Mapping[str, object] | None,
    encoders: Mapping[str, str] | None,
    **training: object,
) -> Recipe:
    """The recipe with what its user wants otherwise; None is the recipe's own.

    Raises:
        BalanceError: an encoder is given for what is no modality of the recipe.
    """
    for modality in encoders or {}:
        if modality not in recipe.encoders:
            raise BalanceError(
                f"An encoder is given for '{modality}', which is no modality of {recipe.name}; "
                f"write one of {', '.join(recipe.encoders)}."
            )
    own, prefix = dict(settings or {}), f"{recipe.data}."
    converter = {k.removeprefix(prefix): own.pop(k) for k in list(own) if k.startswith(prefix)}
    trained: dict[str, Any] = {k: v for k, v in training.items() if v is not None}
    return replace(
        replace(recipe, **_yours(trained)),
        converter={**recipe.converter, **_yours(converter)},
        settings={**recipe.settings, **_yours(own)},
        encoders={**recipe.encoders, **_yours(encoders or {})},
    )


def _yours(values: Mapping[str, object]) -> dict[str, Any]:
    return {name: Value(value, YOURS) for name, value in values.items()}


def _of_rows(recipe: Recipe, rows: Sequence[str]) -> dict[str, object]:
    """Settings of the rows that are compared and of the optimiser; a user's own as they are."""
    owners = (*rows, recipe.optimizer.value)
    return {
        name: value.value
        for name, value in recipe.settings.items()
        if value.source == YOURS or name.rpartition(".")[0] in owners
    }


def _root(recipe: Recipe, folder: Path, given: str | Path | None, tiny: bool) -> Path:
    """The official files: the user's, or the miniature, written where it is not there."""
    if not tiny:
        if given is None:
            facts = load_converter(recipe.data)[1]
            raise BalanceError(
                f"{recipe.name} reads the official files of {recipe.data}: give their folder "
                f"(--data-root), which holds {', '.join(facts.files)}, from {facts.origin}; or "
                "write --tiny to see the recipe run on generated samples."
            )
        return Path(given)
    if given is not None:
        raise BalanceError("--tiny makes its own data; leave out --data-root, or --tiny.")
    root = folder / DATA / "official"
    if not root.is_dir():
        make_folder(root)
        miniatures.write(recipe.data, root)
    return root


def _table(
    recipe: Recipe, folder: Path, root: Path, *, jobs: int | None, resume: bool, missing: bool
) -> tuple[Path, int]:
    """The manifest, written where it is not there, and the number of its training samples."""
    table = folder / DATA / f"{recipe.name.replace('/', '-')}.csv"
    if not (resume and table.is_file() and declaration_path(table).is_file()):
        columns = {m: plain(settings) for m, settings in recipe.columns.items()}
        summary = convert(
            recipe.data, root=root, out=table, settings=plain(recipe.converter), columns=columns,
            allow_missing=missing, resume=resume, jobs=jobs,
        )  # fmt: skip
        for note in summary.notes if summary.left_out else ():
            print(note, file=sys.stderr)
    with open(table, encoding="utf-8", newline="") as file:
        return table, sum(row["split"] == "train" for row in csv.DictReader(file))
