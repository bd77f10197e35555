"""A check as text for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from equimodal.data.table.check.check import Report
from equimodal.data.table.mixed.fitting import lines
from equimodal.data.table.reading.declaration import SPLITS
from equimodal.data.table.reading.findings import PROBLEMS, WARNINGS, Finding
from equimodal.data.table.reading.reading import Reading
from equimodal.data.target import CLASSIFICATION, MULTI_LABEL, REGRESSION

_ROWS = 5
_CLASSES = 30


def as_text(report: Report) -> str:
    """The report in lines; of each kind of finding the first rows are shown."""
    blocks = [
        "\n".join(_head(report)),
        "\n".join(_balance(report)),
        "\n".join(_modality(report, name) for name in report.readings),
    ]
    blocks += ["\n".join(_findings("problem", report.problems, PROBLEMS))]
    blocks += ["\n".join(_findings("accepted by the YAML", report.allowed, PROBLEMS))]
    blocks += ["\n".join(_findings("warning", report.warnings, WARNINGS))]
    if not report.problems:
        blocks.append("No problem: this can be trained on.")
    return "\n\n".join(block for block in blocks if block)


def as_json(report: Report) -> dict[str, Any]:
    """The whole report as plain data; every finding is in it."""
    return {
        "name": report.manifest.path.name,
        "rows": len(report.manifest),
        "split": report.split_note,
        "task": report.manifest.declaration.task or CLASSIFICATION,
        "balance": {split: dict(counts) for split, counts in report.balance.items()},
        "sizes": dict(report.sizes),
        "modalities": {
            name: {
                "settings": dict(report.settings[name]),
                "usable": _usable(reading),
                "missing": _missing(report, name),
                "shapes": [[list(shape), count] for shape, count in _shapes(reading)],
                "seconds": _seconds(reading),
            }
            for name, reading in report.readings.items()
        },
        "problems": [vars(finding) for finding in report.problems],
        "allowed": [vars(finding) for finding in report.allowed],
        "warnings": [vars(finding) for finding in report.warnings],
    }


def _head(report: Report) -> Iterator[str]:
    manifest = report.manifest
    yield f"{manifest.path.name}: {len(manifest):,} rows, {manifest.truth.what}"
    yield report.split_note


def _balance(report: Report) -> Iterator[str]:
    """A line a class or label, with its samples by split; a line a number and split."""
    if report.manifest.declaration.task == REGRESSION:
        yield from _numbers(report.balance)
        return
    several = report.manifest.declaration.task == MULTI_LABEL
    found = report.balance
    names = list(dict.fromkeys(name for counts in found.values() for name in counts))
    width = max([len(name) for name in names] + [7])
    yield f"{'label' if several else 'class':<{width}}" + "".join(f"{s:>12}" for s in SPLITS)
    for name in names[:_CLASSES]:
        yield f"{name:<{width}}" + "".join(f"{found[s].get(name, 0):>12,}" for s in SPLITS)
    if len(names) > _CLASSES:
        yield f"and {len(names) - _CLASSES} more {'labels' if several else 'classes'}"
    yield f"{'all':<{width}}" + "".join(f"{report.sizes[split]:>12,}" for split in SPLITS)


def _numbers(found: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    """Samples, mean, deviation and ends of each number in each split."""
    width = max(len(name) for own in found.values() for name in (*own, "number"))
    heads = ("samples", "mean", "sd", "lowest", "highest")
    yield f"{'number':<{width}}  {'split':<12}" + "".join(f"{head:>12}" for head in heads)
    for split, own in found.items():
        for name, told in own.items():
            cells = [f"{told[h]:.6g}" if h in told else "-" for h in heads]
            yield f"{name:<{width}}  {split:<12}" + "".join(f"{cell:>12}" for cell in cells)


def _modality(report: Report, name: str) -> str:
    reading, settings = report.readings[name], dict(report.settings[name])
    parts = [f"{name}: {settings.pop('kind')}, {_usable(reading):,} of {len(report.manifest):,}"]
    if missing := _missing(report, name):
        parts[0] += f", {missing:,} lack it"
    shapes = _shapes(reading)
    if shapes:
        shown = ", ".join(f"{'x'.join(map(str, s))} ({n:,})" for s, n in shapes[:3])
        more = f" and {len(shapes) - 3} other shapes" if len(shapes) > 3 else ""
        parts.append(f"  as they come: {shown}{more}")
    if reading.seconds:
        low, middle, high = (_seconds(reading) or {}).values()
        parts.append(f"  seconds: {low:.2f} to {high:.2f}, median {middle:.2f}")
    if report.manifest.columns[name].kind == "table":
        parts += [f"  {line}" for line in lines(settings)]
        settings = {k: v for k, v in settings.items() if k not in ("numbers", "categories")}
    used = ", ".join(f"{key} {value}" for key, value in settings.items())
    parts.append(f"  as they are kept: {'x'.join(map(str, reading.form.shape))} ({used})")
    return "\n".join(parts)


def _missing(report: Report, name: str) -> int:
    """How many samples lack a modality that they may lack."""
    column = report.manifest.columns[name]
    return sum(not cell for cell in column.cells) if column.missing else 0


def _findings(title: str, findings: Sequence[Finding], words: Mapping[str, str]) -> Iterator[str]:
    """For each code how many there are, and the first of them."""
    for code, what in words.items():
        mine = [finding for finding in findings if finding.code == code]
        if mine:
            yield f"{title}: {what} ({len(mine)})"
            yield from (f"  {finding.line}" for finding in mine[:_ROWS])
            if len(mine) > _ROWS:
                yield f"  and {len(mine) - _ROWS} more; --json shows all"


def _usable(reading: Reading) -> int:
    return sum(1 for digest in reading.digests if digest)


def _shapes(reading: Reading) -> list[tuple[tuple[int, ...], int]]:
    return sorted(reading.shapes.items(), key=lambda pair: (-pair[1], pair[0]))


def _seconds(reading: Reading) -> dict[str, float] | None:
    if not reading.seconds:
        return None
    lengths = reading.seconds
    return {"shortest": min(lengths), "median": median(lengths), "longest": max(lengths)}
