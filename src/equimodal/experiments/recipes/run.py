"""Runs a recipe: official files to a table, the table to a comparison, its numbers beside."""

import csv
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from equimodal.comparison.engines.crews import Workplace
from equimodal.comparison.execution import LOCAL, arranged
from equimodal.comparison.experiment import Experiment, batch_size_of
from equimodal.comparison.folder import DATA, check_new
from equimodal.comparison.plan import check_request
from equimodal.data import miniatures
from equimodal.data.converters import load as load_converter
from equimodal.data.converters.convert import convert
from equimodal.data.converters.manifest_files import declaration_path
from equimodal.errors import BalanceError
from equimodal.experiments.compare import compared
from equimodal.experiments.recipes import load
from equimodal.experiments.recipes.recipe import TRAINING, Recipe, Value, plain
from equimodal.experiments.recipes.tiny import WHY, shrunk
from equimodal.storage.files import make_folder, without
from equimodal.storage.printing import say

YOURS = "given by you"


@dataclass(frozen=True)
class Reproduction:
    """What came of a recipe: the recipe as it was run, its results, and their folder."""

    recipe: Recipe
    results: dict[str, Any]
    folder: Path


def reproduce(
    name: str, *, tiny: bool = False, allow_missing: bool = False, **given: Any
) -> Reproduction:
    """Run the recipe of a paper and data set on its official files.

    Args:
        name: one of `equimodal.experiments.recipes.names()`.
        tiny: write the miniature of the data set and run the recipe in a small form, in seconds.
        allow_missing: leave out samples whose files are missing.
        given: fields of `Experiment` but ``data``, in the place of the recipe's values, and of
            `Execution`; None is as if not given. ``settings`` are of methods, the optimiser and
            the converter; ``seeds`` are 3, or for ``tiny`` 1; ``data_root`` is the folder of the
            official files; ``out`` is ``results/<name>``, or ``results/<name>-tiny``, and the
            table in its folder ``data``.

    Raises:
        BalanceError: the name, an argument or the official files are wrong, or training failed.
    """
    given = {key: value for key, value in given.items() if value is not None}
    folder = Path(given.get("out", f"results/{load(name).name}{'-tiny' if tiny else ''}"))
    asked, execution = arranged({**given, "out": folder})
    check_new(folder, resume=execution.resume)
    recipe = changed(shrunk(load(name)) if tiny else load(name), given)
    table = folder / DATA / f"{recipe.name.replace('/', '-')}.csv"
    seeds = asked.seeds if "seeds" in given or not tiny else (0,)
    experiment = replace(
        _experiment(recipe, asked.methods or recipe.rows), data=str(table), seeds=seeds,
        device=asked.device,
    )  # fmt: skip
    check_request(experiment)
    if not execution.resume:
        Workplace(execution, experiment.device, experiment.data).check()
    new = [place for place in (folder, *folder.parents) if not place.exists()]
    root = _root(recipe, folder, execution.data_root, tiny)
    count = _converted(
        recipe, table, root, jobs=execution.jobs, resume=execution.resume, missing=allow_missing
    )
    if tiny and recipe.batch_size.source != YOURS:
        few = max(2, count // 2)  # two steps an epoch
        recipe = replace(recipe, batch_size=Value(min(recipe.batch_size.value, few), WHY))
        experiment = replace(experiment, batch_size=recipe.batch_size.value)
    with without(new):
        batch_size_of(experiment.batch_size, count, count)
    cache = folder / DATA / "cache" if tiny else None
    execution = replace(
        execution,
        data_root=root,
        cache=execution.cache or cache,
        resume=True,
        here=tiny and execution.engine == LOCAL,
    )
    return Reproduction(recipe, compared(experiment, execution), folder)


def _experiment(recipe: Recipe, rows: tuple[str, ...]) -> Experiment:
    """What a recipe trains, but for the place of its data and the seeds."""
    values: dict[str, Any] = {name: getattr(recipe, name).value for name in (*TRAINING, "fusion")}
    settings, encoders = _of_rows(recipe, rows), plain(recipe.encoders)
    return Experiment(methods=rows, settings=settings, encoders=encoders, **values)


def changed(recipe: Recipe, given: Mapping[str, Any]) -> Recipe:
    """The recipe with what its user gives in the place of its values, by names of `Experiment`.

    Raises:
        BalanceError: an encoder is given for what is no modality of the recipe.
    """
    encoders = given.get("encoders", {})
    for modality in encoders:
        if modality not in recipe.encoders:
            raise BalanceError(
                f"An encoder is given for '{modality}', which is no modality of {recipe.name}; "
                f"write one of {', '.join(recipe.encoders)}."
            )
    own, prefix = dict(given.get("settings", {})), f"{recipe.data}."
    converter = {k.removeprefix(prefix): own.pop(k) for k in list(own) if k.startswith(prefix)}
    trained = {name: given[name] for name in (*TRAINING, "fusion") if name in given}
    return replace(
        recipe,
        converter={**recipe.converter, **_yours(converter)},
        settings={**recipe.settings, **_yours(own)},
        encoders={**recipe.encoders, **_yours(encoders)},
        **_yours(trained),
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


def _converted(
    recipe: Recipe, table: Path, root: Path, *, jobs: int | None, resume: bool, missing: bool
) -> int:
    """Write the manifest where it is not there; the number of its training samples."""
    if not (resume and table.is_file() and declaration_path(table).is_file()):
        columns = {m: plain(settings) for m, settings in recipe.columns.items()}
        summary = convert(
            recipe.data, root=root, out=table, settings=plain(recipe.converter), columns=columns,
            allow_missing=missing, resume=resume, jobs=jobs,
        )  # fmt: skip
        for note in summary.notes if summary.left_out else ():
            say(note, file=sys.stderr)
    with open(table, encoding="utf-8", newline="") as file:
        return sum(row["split"] == "train" for row in csv.DictReader(file))
