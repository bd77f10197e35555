"""What `equimodal methods` and `equimodal data` print, read from registries and docstrings."""

import inspect
import re
import sys
import textwrap
from collections.abc import Iterable, Mapping

from equimodal import data
from equimodal import methods as registry
from equimodal.comparison.command.values import short_text
from equimodal.comparison.rows import (
    ALONE,
    ENSEMBLE,
    EVERY_ALONE,
    RATE_FACTORS,
    UNTRAINED,
    alone_row,
)
from equimodal.data import converters
from equimodal.docstrings import argument_docs
from equimodal.methods.facts import told_cost, told_needs, told_origin, told_targets

_WIDTH, _DIGITS = 80, 4
_OTHER_ROWS = (
    (UNTRAINED, "the model before training: the floor of every probe"),
    (alone_row("MODALITY"), f"one encoder trained alone; {EVERY_ALONE} for each of them"),
    (ENSEMBLE, "mean of the probabilities of the encoders trained alone"),
    *zip(
        RATE_FACTORS,
        ("joint at half the learning rate", "joint at double the learning rate"),
        strict=True,
    ),
)


def methods() -> str:
    """One line for each method, by family, and for each other row of a comparison."""
    families: dict[str, list[tuple[str, str]]] = {}
    for entry in map(registry.entry, registry.names()):
        rows = families.setdefault(entry.family, [])
        rows.append((entry.name, _sentence(entry)))
        if not entry.is_control and entry.targets:
            rows.append(("", _facts(entry)))
    costs = [(f"  {key}", text) for key, text in registry.COSTS.items()]
    return "\n\n".join(
        [
            *(f"{family}:\n{_columns(rows, '  ')}" for family, rows in families.items()),
            "other rows that compare takes:\n" + _columns(_OTHER_ROWS, "  "),
            "what a row costs beside joint training:\n" + _columns(costs),
            _ending(),
        ]
    )


def _ending() -> str:
    return "\n".join(
        [
            f"`--methods {registry.FIELD}` compares every row; those marked so are left out else.",
            f"Methods that act at different stages combine, such as {_combination()}.",
            "Run `equimodal methods NAME` for a method's paper, settings and deviations.",
        ]
    )


def _sentence(entry: registry.Entry) -> str:
    """What it does, whether it is a control, and whether it is compared on request alone."""
    marks = ["control" if entry.is_control else "", registry.FIELD if entry.on_request else ""]
    shown = ", ".join(filter(None, marks))
    return f"{entry.summary} ({shown})" if shown else entry.summary


def _facts(entry: registry.Entry) -> str:
    """What it costs, needs and takes, and whose it is."""
    return (
        f"costs: {told_cost(entry)}; needs: {told_needs(entry)}; takes: {told_targets(entry)}; "
        f"{told_origin(entry)}"
    )


def method(name: str) -> str:
    """What a method does, where it comes from, and what may be set.

    Raises:
        BalanceError: there is no such method.
    """
    if meaning := _other_row(name):
        return f"{name}: {meaning}\n\nA row that compare takes, and no method: it has no settings."
    entry, kind = registry.entry(name), type(registry.create(name))
    main = entry.main
    facts = [
        *_idea(sys.modules[kind.__module__].__doc__ or ""),
        ("paper", _paper(entry, kind)),
        ("family", f"{entry.family}; {told_origin(entry)}"),
        ("control", _control(entry)),
        *_told_facts(entry),
        ("loss", "its own" if entry.objective == "own" else "--objective fused or fused+unimodal"),
        ("package", entry.package) if entry.package else ("card", entry.card),
    ]
    meanings = _meanings(name)
    if main:
        searched = f"`choose` searches {main.low:g} to {main.high:g}."
        meanings[main.setting] = f"{meanings.get(main.setting, '')} {searched}".strip()
    settings = _settings(name, registry.settings(name), meanings)
    bounds = ", ".join(f"{key}={_written(v)}" for key, v in registry.window_settings(name).items())
    when = f"when it acts, as shares of the training: {bounds}; whole epochs"
    parts = [f"{name}: {entry.summary}", _columns(facts), settings, *([when] if bounds else [])]
    return "\n\n".join(parts)


def _told_facts(entry: registry.Entry) -> list[tuple[str, str]]:
    """What it costs, needs and takes, and what other codes do; nothing where nothing is said."""
    costs = "; ".join(f"{key}: {registry.COSTS[key]}" for key in entry.cost)
    needs = "; ".join(f"{key}: {registry.NEEDS[key]}" for key in entry.needs)
    said = bool(entry.targets)
    facts = {
        "costs": said and (costs or told_cost(entry)),
        "needs": said and (needs or told_needs(entry)),
        "takes": said and told_targets(entry),
        "released": entry.released,
        "port": entry.port and f"BalanceBenchmark: {entry.port}",
    }
    return [(name, text) for name, text in facts.items() if text]


def _idea(docstring: str) -> list[tuple[str, str]]:
    """The paragraph below the title of a module's docstring, unless it is the citation."""
    below = " ".join(" ".join(docstring.split("\n\n")[1:2]).split())
    return [("idea", below)] if below and below != _citation(docstring) else []


def _other_row(name: str) -> str:
    """What a row that is no method stands for; "" for any other name."""
    if name != EVERY_ALONE and name.startswith(ALONE) and name != ALONE:
        return "this modality's encoder trained alone"
    return {EVERY_ALONE: "one row for each modality, trained alone", **dict(_OTHER_ROWS)}.get(
        name, ""
    )


def sources() -> str:
    """One line for each data set, and for each that a converter reads."""
    rows = [(name, data.describe(name).summary) for name in data.names()]
    converted = [(name, converters.describe(name).summary) for name in converters.names()]
    return "\n\n".join(
        [
            _columns(rows),
            "from their official files, by `equimodal data convert`:\n" + _columns(converted, "  "),
            "Run `equimodal data NAME` for its files, licence and settings.\n"
            "A table of your own: `equimodal data check my.csv`, docs/manifest.md.",
        ]
    )


def source(name: str) -> str:
    """What a data set is, which files it reads, where they come from, and what may be set.

    Raises:
        BalanceError: there is no such data set.
    """
    info = (converters if name in converters.names() else data).describe(name)
    under_root = ", ".join(info.files)
    facts = [
        ("files", f"under --data-root: {under_root}" if under_root else "none; made on the spot"),
        ("origin", info.origin),
        ("licence", info.licence),
    ]
    settings = _settings(name, info.settings, info.meanings)
    return "\n\n".join([f"{name}: {info.summary}", _columns(facts), settings])


def setting_docs(kind: type) -> dict[str, str]:
    """What the arguments of a class mean, from its docstring and those of its bases."""
    found: dict[str, str] = {}
    for base in kind.__mro__:
        found = argument_docs(inspect.cleandoc(base.__doc__ or "")) | found
    return found


def _meanings(name: str) -> dict[str, str]:
    """What the settings of a method mean, those of a composition part by part."""
    parts = name.split(registry.COMPOSED)
    if len(parts) == 1:
        return setting_docs(registry.load(name))
    return {f"{part}.{key}": text for part in parts for key, text in _meanings(part).items()}


def _combination() -> str:
    """The first methods of two families, by `~`."""
    rows = [e for e in map(registry.entry, registry.names()) if e.controls]
    first = rows[0]
    other = next(e for e in rows if e.family != first.family)
    return registry.COMPOSED.join((other.name, first.name))


def _paper(entry: registry.Entry, kind: type) -> str:
    parts = entry.name.split(registry.COMPOSED)
    if len(parts) > 1:
        return f"none; a combination of ours. Each has its own: {', '.join(parts)}"
    if entry.family == registry.BASELINE:
        return "none; a baseline"
    return _citation(sys.modules[kind.__module__].__doc__ or "")


def _citation(docstring: str) -> str:
    paragraphs = [" ".join(part.split()) for part in docstring.split("\n\n")]
    cited = [part for part in paragraphs if re.search(r"arXiv|doi|https?://", part)]
    return cited[0] if cited else "none is cited"


def _control(entry: registry.Entry) -> str:
    if entry.is_control:
        return f"is one itself: {', '.join(f'{k}={_written(v)}' for k, v in entry.preset.items())}"
    if not entry.controls:
        return "none"
    first, *others = entry.controls
    also = f"; also {' and '.join(others)}" if others else ""
    return f"{first}, the row without its own idea{also}"


def _settings(name: str, defaults: Mapping[str, object], meanings: Mapping[str, str]) -> str:
    if not defaults:
        return "no settings"
    first, default = next(iter(defaults.items()))
    rows = [(f"{key}={_written(value)}", meanings.get(key, "")) for key, value in defaults.items()]
    return f"settings, such as --set {name}.{first}={_written(default)}\n" + _columns(rows, "  ")


def _written(value: object) -> str:
    """A value as `--set` takes it, its numbers short."""
    return short_text(value, _DIGITS)


def _columns(rows: Iterable[tuple[str, str]], indent: str = "") -> str:
    """Rows of a key and a text that wraps in its own column."""
    rows = list(rows)
    width = max(len(key) for key, _ in rows)
    hanging = " " * (len(indent) + width + 2)
    wrap = textwrap.TextWrapper(
        _WIDTH, subsequent_indent=hanging, break_on_hyphens=False, break_long_words=False
    )
    return "\n".join(wrap.fill(f"{indent}{key:<{width}}  {text}".rstrip()) for key, text in rows)
