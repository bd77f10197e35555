"""Which split each sample belongs to: by a column, or by ratios, stratified and grouped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from equimodal.data.table.reading.declaration import DEFAULT_RATIOS, SPLITS
from equimodal.data.table.reading.findings import Finding
from equimodal.data.table.reading.roles import Manifest
from equimodal.data.table.truth.truth import Codes, ids, some
from equimodal.numerics.random import data_generator

NAMES = {
    "train": 0, "training": 0, "validation": 1, "valid": 1, "val": 1, "dev": 1,
    "development": 1, "test": 2, "testing": 2, "eval": 2, "evaluation": 2,
}  # fmt: skip


@dataclass(frozen=True)
class Assignment:
    """The split of each sample (N,), 0 train, 1 validation, 2 test, -1 none; how it came about."""

    codes: Codes
    note: str
    findings: list[Finding]


def assign(manifest: Manifest) -> Assignment:
    """The split of every sample of a manifest."""
    strata = manifest.truth.strata()
    groups = None if manifest.group is None else ids(manifest.group)
    declared = manifest.declaration
    if manifest.split is None:
        ratios = declared.ratios or DEFAULT_RATIOS
        codes = divided(strata, ratios, groups, declared.seed)
        return Assignment(codes, _ratio_note(ratios, declared.seed, groups is not None), [])
    codes, findings = _by_column(manifest, manifest.split)
    note = "Split by the table's column."
    if not (codes == 1).any() and (codes == 0).any():
        mine = np.flatnonzero(codes == 0)
        shares = (1 - declared.validation, declared.validation)
        own = None if groups is None else groups[mine]
        codes[mine] = divided(strata[mine], shares, own, declared.seed)
        note += (
            f" It names no validation: {declared.validation:.0%} of its training samples are, "
            f"{_how(groups is not None)}, seed {declared.seed}."
        )
    return Assignment(codes, note, findings + _groups_in_two(manifest, codes))


def divided(labels: Codes, ratios: Sequence[float], groups: Codes | None, seed: int) -> Codes:
    """A split of each sample, so that each class is divided by the ratios: (N,) -> (N,).

    With ``groups``, (N,), the samples of a group stay together, and the classes are divided as
    evenly as whole groups allow.
    """
    rng = data_generator(seed, "manifest split")
    codes: Codes
    if groups is not None:
        by_group = _by_groups(labels, ratios, groups, rng)
        return np.take(by_group, groups)
    codes = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        ends = np.round(np.cumsum(_counts(len(rows), ratios))).astype(int)
        for code, part in enumerate(np.split(rows, ends[:-1])):
            codes[part] = code
    return codes


def _counts(rows: int, ratios: Sequence[float]) -> Codes:
    """Whole numbers near ``rows`` times each ratio with the sum ``rows``; each is 1 if possible."""
    wanted = np.asarray(ratios) * rows
    counts: Codes = np.floor(wanted).astype(np.int64)
    if rows >= len(counts):
        counts = np.maximum(counts, 1)
    while counts.sum() < rows:
        counts[np.argmax(wanted - counts)] += 1
    while counts.sum() > rows:
        counts[np.argmax(counts)] -= 1
    return counts


def _by_groups(
    labels: Codes, ratios: Sequence[float], groups: Codes, rng: np.random.Generator
) -> Codes:
    """A split for each group, the largest first: the one that lacks most of its classes."""
    tallies = np.zeros((groups.max() + 1, labels.max() + 1))
    np.add.at(tallies, (groups, labels), 1)
    lacking = np.outer(ratios, tallies.sum(0))
    target = lacking.sum(1, keepdims=True)
    order = rng.permutation(len(tallies))
    order = order[np.argsort(-tallies[order].sum(1), kind="stable")]
    chosen = np.zeros(len(tallies), np.int64)
    for group in order:
        # Relative to the split's own size, so that a small split gets its groups as well.
        chosen[group] = np.argmax((lacking * tallies[group]).sum(1) / target[:, 0])
        lacking[chosen[group]] -= tallies[group]
    return chosen


def _by_column(manifest: Manifest, cells: Sequence[str]) -> tuple[Codes, list[Finding]]:
    """The splits that a column names, and a finding for each name that is none.

    Where it names no split at all, that is one finding: it may mean another thing.
    """
    codes = np.array([NAMES.get(cell.lower(), -1) for cell in cells], np.int64)
    unknown = Counter(cell for cell in cells if cell.lower() not in NAMES)
    if len(unknown) > 1 and (codes < 0).all():
        text = (
            f"the column '{manifest.taken.get('split', 'split')}' names no split, but "
            f"{some(list(unknown))}; write `ratios: [0.7, 0.15, 0.15]` in the YAML to have the "
            "samples divided, `split: <column>` for another column, or train, validation or test "
            "in its cells"
        )
        return codes, [Finding("split", text)]
    findings = []
    for cell, count in unknown.items():
        often = f" ({count} times)" if count > 1 else ""
        text = f"has the split '{cell}'{often}; {_wanted(manifest)}"
        findings.append(Finding("split", text, manifest.rows[cells.index(cell)]))
    return codes, findings


def _wanted(manifest: Manifest) -> str:
    """What to write in the place of a name that is no split."""
    if not manifest.path.is_dir():
        return "write train, validation or test"
    return (
        "give its files, or its folder and the line in dataset_dict.json, the name train, "
        "validation or test, or take them away; `ratios: [0.7, 0.15, 0.15]` in the YAML divides "
        "all samples"
    )


def _groups_in_two(manifest: Manifest, codes: Codes) -> list[Finding]:
    if manifest.group is None:
        return []
    seen: dict[str, tuple[int, int]] = {}
    found: dict[str, Finding] = {}
    for group, code, row in zip(manifest.group, codes.tolist(), manifest.rows, strict=True):
        first, place = seen.setdefault(group, (code, row))
        if first != code and group not in found:
            text = f"the group '{group}' is in {named(code)} and, in row {place}, {named(first)}"
            found[group] = Finding("group", text, row)
    return list(found.values())


def named(code: int) -> str:
    """The split of a code, as findings name it."""
    return SPLITS[code] if code >= 0 else "no split"


def _how(grouped: bool) -> str:
    return "groups kept whole" if grouped else "stratified by label"


def _ratio_note(ratios: Sequence[float], seed: int, grouped: bool) -> str:
    shares = ", ".join(f"{share:.0%} {name}" for share, name in zip(ratios, SPLITS, strict=True))
    return f"Split by ratios ({shares}), {_how(grouped)}, seed {seed}."
