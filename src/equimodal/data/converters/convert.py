"""From the official files of a data set to a manifest: checked, complete, or not written at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from equimodal.checks import require_settings, require_whole
from equimodal.data import converters
from equimodal.data.converters.derive import derive
from equimodal.data.converters.layout import Layout
from equimodal.data.converters.manifest_files import declaration_path, write_manifest
from equimodal.data.converters.table import SPLITS, Column, Row, Table
from equimodal.data.information import Facts
from equimodal.data.settings import defaults
from equimodal.data.table.reading.settings import checked_settings
from equimodal.errors import BalanceError, DataError
from equimodal.storage.files import make_folder
from equimodal.workers.process import processors

_NAMED = 3
_UNMADE = "holds damaged files, so that {} could not be made"


@dataclass(frozen=True)
class Summary:
    """What was written: samples by split, classes, samples left out, and the converter's notes."""

    counts: dict[str, int]
    classes: int
    left_out: int
    notes: tuple[str, ...]


def convert(
    name: str,
    *,
    root: str | Path,
    out: str | Path,
    settings: Mapping[str, object] | None = None,
    columns: Mapping[str, Mapping[str, object]] | None = None,
    allow_missing: bool = False,
    resume: bool = False,
    jobs: int | None = None,
) -> Summary:
    """Write the manifest of a data set whose official files lie under ``root``.

    Args:
        name: one of `equimodal.data.converters.names()`.
        root: the data set's own folder; the paths in the manifest are relative to it.
        out: path of the CSV; what its columns are is written into a YAML beside it.
        settings: arguments of the converter, see `equimodal.data.converters.describe`.
        columns: settings of modalities in the manifest, besides those of the converter.
        allow_missing: leave out samples whose files are missing, instead of refusing.
        resume: write again over a manifest that exists.
        jobs: files to make at a time, where the layout lacks some (one per processor).

    Raises:
        BalanceError: a name, setting or path is wrong, or the manifest exists.
        DataError: the folder is not what the converter expects, or files are missing or damaged.
    """
    converter, facts = converters.load(name)
    require_settings(name, settings or {}, defaults(converter))
    target = _target(out, resume)
    if jobs is not None:
        require_whole("jobs", jobs, low=1)
    layout = Layout(_folder(name, root, facts), facts)
    table = converter(layout, **(settings or {}))
    table = replace(table, columns=_declared(name, table.columns, columns or {}))
    kept = _usable(layout, table, allow_missing, jobs or processors())
    left_out = len(table.rows) - len(kept)
    notes = [*table.notes, *([_left_out(left_out, len(table.rows))] if left_out else [])]
    heading = f"Written by `equimodal data convert {name}`; paths are relative to the data root."
    make_folder(target.parent)
    write_manifest(target, replace(table, rows=kept, notes=notes), heading)
    counts = {split: sum(row.split == split for row in kept) for split in SPLITS}
    return Summary(counts, len({row.label for row in kept}), left_out, tuple(notes))


def _declared(
    name: str, found: Mapping[str, Column], given: Mapping[str, Mapping[str, object]]
) -> dict[str, Column]:
    """The columns with the given settings, each of which its kind must have."""
    for modality in given:
        if modality not in found:
            raise BalanceError(f"{name} has no modality '{modality}'; it has {', '.join(found)}.")
    for modality, settings in given.items():
        checked_settings(f"{name}.{modality}", found[modality].kind, settings)
    return {
        modality: replace(column, settings={**column.settings, **given.get(modality, {})})
        for modality, column in found.items()
    }


def _usable(layout: Layout, table: Table, allow_missing: bool, jobs: int) -> list[Row]:
    """The rows all of whose files are there, those included that are made now."""
    total = len(table.rows)
    whole, problems = _present(layout, table)
    _refuse(layout, "lacks {} files", problems, total, allow_missing)
    needed = {value for row in whole for value in row.values.values()}
    made = {path: work for path, work in table.derived.items() if path in needed}
    failures = derive(layout.root, made, jobs=jobs)
    _refuse(layout, _UNMADE, failures, total, allow_missing)
    kept = [row for row in whole if not failures.keys() & set(row.values.values())]
    _check_splits(layout, kept)
    return kept


def _folder(name: str, root: str | Path, facts: Facts) -> Path:
    if Path(root).is_dir():
        return Path(root)
    raise DataError(
        f"The data root '{root}' is no folder; for {name} it holds {', '.join(facts.files)}. Get "
        f"it from {facts.origin}."
    )


def _target(out: str | Path, resume: bool) -> Path:
    target = Path(out)
    if target.suffix != ".csv":
        raise BalanceError(f"A manifest is a .csv, found '{out}'; write --out my.csv.")
    for path in (target, declaration_path(target)):
        if path.exists() and not (resume and path.is_file()):
            raise BalanceError(
                f"'{path}' exists; choose another --out, or write it again with --resume."
            )
    return target


def _present(layout: Layout, table: Table) -> tuple[list[Row], dict[str, str]]:
    """The rows whose sources are all there, and what is wrong with each source that is not."""
    problems: dict[str, str] = {}
    whole = []
    for row in table.rows:
        wrong = {path: problem for path in row.sources if (problem := layout.problem(path))}
        problems |= wrong
        if not wrong:
            whole.append(row)
    return whole, problems


def _refuse(
    layout: Layout, what: str, problems: Mapping[str, str], samples: int, allowed: bool
) -> None:
    if not problems or allowed:
        return
    named = [f"{path} ({problem})" for path, problem in list(problems.items())[:_NAMED]]
    more = f" and {len(problems) - _NAMED} more" if len(problems) > _NAMED else ""
    raise layout.error(
        f"{what.format(len(problems))} of the {samples} samples that its lists name: "
        f"{', '.join(named)}{more}. Get them again, or leave their samples out with "
        "--allow-missing"
    )


def _check_splits(layout: Layout, rows: Sequence[Row]) -> None:
    found = {row.split for row in rows}
    for split in SPLITS:
        if split not in found:
            raise layout.error(f"leaves no sample for the split '{split}'")


def _left_out(count: int, total: int) -> str:
    return f"{count} of {total} samples are left out: their files are missing or damaged."
