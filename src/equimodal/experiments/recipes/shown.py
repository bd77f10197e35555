"""A recipe in words: its configuration in full as a table, and the published numbers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from equimodal import methods
from equimodal.comparison.command.values import short_text
from equimodal.comparison.words import mean_and_sd
from equimodal.experiments.recipes.recipe import Published, Recipe

DEFAULT = "default of this library"
Line = tuple[str, str, str]
_DIGITS = 6


def listing(recipes: Sequence[Recipe]) -> str:
    """One paragraph for each recipe: what it is, and the published numbers that we have."""
    parts = [f"{r.name}\n  {r.about}\n{_known(r)}" for r in recipes]
    parts.append(
        "`equimodal reproduce NAME --show` prints a recipe in full; with --tiny it runs in\n"
        "seconds, on generated samples. docs/recipes.md has them all."
    )
    return "\n\n".join(parts)


def in_full(recipe: Recipe) -> str:
    """Every value that is in force with its source, the published numbers and the differences."""
    return "\n\n".join(
        [
            f"{recipe.name}: {recipe.about}\n{recipe.paper}",
            aligned(("setting", "value", "source"), configuration(recipe)),
            _numbers(recipe),
            "What differs:\n" + "\n".join(f"* {text}" for text in recipe.differences),
        ]
    )


def configuration(recipe: Recipe) -> list[Line]:
    """Rows (name, value, source) of the whole configuration, defaults of the library included.

    A control has those of its method.
    """
    lines = [
        ("data", recipe.data, "`equimodal data convert`"),
        ("rows", ", ".join(recipe.rows), "methods, their controls, and the baselines"),
    ]
    stated = {name for _, name, _ in recipe.values()}
    lines += [(name, written(value.value), value.source) for _, name, value in recipe.values()]
    lines += [
        (f"{row}.{name}", written(default), DEFAULT)
        for row in recipe.rows
        if methods.known(row) and not methods.entry(row).is_control
        for name, default in methods.settings(row).items()
        if f"{row}.{name}" not in stated
    ]
    return lines


def numbers(recipe: Recipe) -> list[Line]:
    """Rows (row, accuracy or accuracy / macro-F1 in percent, source) of the published numbers."""
    return [(_row(p), _percent(p), p.source) for p in recipe.published]


def beside(recipe: Recipe, results: Mapping[str, Any], *, heading: str = "here") -> str:
    """The published numbers beside those of a comparison, and why they differ."""
    lines = [
        (_row(p), _percent(p), _ours(results["summary"].get(p.row)), p.source)
        for p in recipe.published
    ]
    found = [aligned(("row", "published", heading, "source"), lines)] if lines else []
    found.append(
        "Not comparable as they stand:\n" + "\n".join(f"* {t}" for t in recipe.differences)
    )
    return "\n\n".join(found)


def written(value: Any) -> str:
    """A value as `--set` takes it, its numbers short."""
    return short_text(value, _DIGITS)


def aligned(heading: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Columns of texts, each as wide as its widest."""
    rows = [heading, *lines]
    widths = [max(len(row[i]) for row in rows) for i in range(len(heading))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _known(recipe: Recipe) -> str:
    """Lines of the published numbers, indented."""
    if not recipe.published:
        return "  published: none that could be read in any source"
    lines = [f"  published: {row} {value} ({source})" for row, value, source in numbers(recipe)]
    return "\n".join(lines)


def _numbers(recipe: Recipe) -> str:
    if not recipe.published:
        return "Published numbers: none that could be read in any source."
    return "Published numbers, percent:\n" + aligned(
        ("row", "accuracy / F1", "source"), numbers(recipe)
    )


def _row(number: Published) -> str:
    return f"{number.row} ({number.what})" if number.what else number.row


def _percent(number: Published) -> str:
    more = "" if number.macro_f1 is None else f" / {number.macro_f1:.2f}"
    return f"{number.accuracy:.2f}{more}"


def _ours(entry: Mapping[str, Any] | None) -> str:
    accuracy = (entry or {}).get("accuracy") or {}
    if accuracy.get("mean") is None:
        return "not run"
    f1 = (entry or {}).get("macro_f1") or {}
    found = [part for part in (accuracy, f1) if part.get("mean") is not None]
    return " / ".join(mean_and_sd(part["mean"], part.get("sd"), digits=2) for part in found)


def table_lines(heading: Sequence[str], lines: Sequence[Sequence[str]]) -> Iterator[str]:
    """A Markdown table."""
    yield f"| {' | '.join(heading)} |"
    yield f"|{'---|' * len(heading)}"
    for line in lines:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |"
