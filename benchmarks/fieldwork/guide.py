"""The overview of all sets, and what they say in plain words: every sentence follows from kept
outcomes by a rule that is the same for every row."""

from collections.abc import Iterator, Sequence

from equimodal.comparison.rows import JOINT, RATE_FACTORS
from equimodal.comparison.words import ABSENT, listing, percent
from fieldwork.numbers import (
    LEVEL,
    MOST_NAMED,
    Difference,
    SetNumbers,
    critical_difference,
    ranks,
    starred,
)

MOST_TOLD = 5
"""Rows that a sentence names at most, the largest differences first."""
_REFERENCES = ("reference", "baseline")


def overview(sets: Sequence[SetNumbers]) -> str:
    """The Markdown of the folder's first page."""
    parts = [
        "# The field on natural data",
        "Every registered method with its controls, on sets whose modalities belong together: five "
        "seeds, as many updates as joint training, the same number of trials for every row, chosen "
        "on validation. [In plain words](guide.md).",
        "```sh\npython benchmarks/field.py --data-root DIR   # trains what is missing\n"
        "python benchmarks/field.py --recompute       # these pages, from data/ alone\n```",
        "\n".join(_sets(sets)),
        "`data/` holds for every set which test samples each row gets right with each seed, and "
        "which a probe of each of its encoders does. A finished row is taken as done; "
        "`--again ROW` trains it anew and says whether it is the same, bit by bit.",
        "## Mean ranks",
        "\n".join(_ranks(sets)),
    ]
    return "\n\n".join(parts) + "\n"


def guide(sets: Sequence[SetNumbers]) -> str:
    """The Markdown of the plain words."""
    names = listing([_link(one) for one in sets])
    few = (
        " **One set cannot say what holds on others**; read this as an account of that set."
        if len({one.kept.about["source"] for one in sets}) == 1 else ""
    )  # fmt: skip
    lacking = [f"{_link(one)} lacks {len(one.kept.missing())} rows" for one in sets
               if one.kept.missing()]  # fmt: skip
    partial = f" Not whole yet: {listing(lacking)}." if lacking else ""
    parts = [
        "# What helps, in plain words",
        f"This rests on {names}.{few}{partial} A row is called above or below another where the "
        "difference is left at 5 % after Holm's correction over the rows of its table; the "
        "intervals in brackets are 95 %, in points, and unadjusted. Rates, settings and epochs "
        "were chosen on validation, nothing on test samples. The sentences follow by rule from "
        "the outcomes, by `python benchmarks/field.py --recompute`.",
        "## What to try first",
        "\n".join(_first(sets)),
        "## What helped, and when",
        "\n".join(line for one in sets for line in _helped(one)),
        "## Whether a method's own idea did it",
        "\n".join(map(_ideas, sets)),
        "## What was never above joint training",
        "\n".join(_never(sets)),
    ]
    return "\n\n".join(parts) + "\n"


def _link(numbers: SetNumbers) -> str:
    about = numbers.kept.about
    return f"[{about['title']}]({about['set']}.md)"


def _sets(sets: Sequence[SetNumbers]) -> Iterator[str]:
    yield "| set | source | rows | joint | above joint | below joint |"
    yield "|---|---|---:|---:|---:|---:|"
    for one in sets:
        about, missing = one.kept.about, one.kept.missing()
        found = one.to_joint().values()
        rows = f"{len(one.kept.rows)}" + (f", {len(missing)} lacking" if missing else "")
        joint = percent(one.accuracy(JOINT)["mean"]) if JOINT in one.kept.rows else ABSENT
        above = sum(d.stands and d.mean > 0 for d in found)
        below = sum(d.stands and d.mean < 0 for d in found)
        yield f"| {_link(one)} | {about['source']} | {rows} | {joint} | {above} | {below} |"


def _ranks(sets: Sequence[SetNumbers]) -> Iterator[str]:
    sources = len({one.kept.about["source"] for one in sets})
    told = "one source" if sources == 1 else f"{sources} sources"
    yield (
        f"By mean accuracy, 1 for the best, of the rows that every set has, over "
        f"{told} (sets of one source count once); in brackets the least and the largest over sets."
    )
    yield from ("", "| row | mean rank |", "|---|---:|")
    found = ranks(sets)
    for name in sorted(found, key=lambda n: found[n].mean):
        rank = found[name]
        yield f"| `{name}` | {rank.mean:.1f} [{rank.low:g}, {rank.high:g}] |"
    named = _default_methods(sets[0])
    difference = critical_difference(len(named), sources)
    yield ""
    if difference is None:
        yield (
            f"No critical difference is shown: it takes two sources and two to {MOST_NAMED} rows; "
            f"there are {told} and {len(named)} default methods."
        )
        return
    own = ranks(sets, named)
    told = ", ".join(f"`{n}` {own[n].mean:.1f}" for n in sorted(own, key=lambda n: own[n].mean))
    yield f"Among the default methods alone: {told}; critical difference at 5 %: {difference:.1f}."


def _default_methods(numbers: SetNumbers) -> list[str]:
    rows = numbers.kept.rows
    return [n for n, r in rows.items() if r["default"] and not r["is_control"] and r["times"] == 1]


def _first(sets: Sequence[SetNumbers]) -> Iterator[str]:
    """Rows above joint training on the most sources; of equals the one of the fewest updates and
    seconds."""
    sources: dict[str, set[str]] = {}
    costs: dict[str, float] = {}
    for one in sets:
        for name, difference in one.to_joint().items():
            if difference.stands and difference.mean > 0:
                sources.setdefault(name, set()).add(one.kept.about["source"])
                costs[name] = costs.get(name, 0.0) + one.seconds(name)
    if not sources:
        yield (
            "No row was shown to be above joint training on any set. So first search joint "
            "training's own learning rate; what that is worth here:"
        )
        yield ""
        for one in sets:
            found = one.to_joint()
            rates = [name for name in found if name in RATE_FACTORS]
            told = listing([f"`{n}` {found[n].words}" for n in rates])
            yield f"* {_link(one)}: {told}, against joint training at its chosen rate."
        return
    order = sorted(sources, key=lambda n: (-len(sources[n]), costs[n]))
    yield (
        "The rows that were above joint training on the most sources, the quickest of equals first:"
    )
    yield ""
    for name in order[:MOST_TOLD]:
        told = [
            f"{_link(one)} {found[name].words}"
            for one in sets if (found := one.to_joint()) and name in found
        ]  # fmt: skip
        yield f"* `{name}`: {'; '.join(told)}."


def _helped(numbers: SetNumbers) -> Iterator[str]:
    """What stands above and below joint training on a set, and how its encoders fared."""
    found = numbers.to_joint()
    starved = [
        f"{m} {d.words}" for m in numbers.kept.about["modalities"]
        if (d := numbers.probe_to_alone(JOINT, m))
    ]  # fmt: skip
    yield f"* **{_link(numbers)}.** " + (
        f"Probes of joint training's encoders, against those trained alone: {listing(starved)}."
        if starved else ""
    )  # fmt: skip
    yield f"  Above joint training: {_named(found, 1)}. Below it: {_named(found, -1)}."


def _ideas(numbers: SetNumbers) -> str:
    found = numbers.to_controls()
    pairs = {f"{name}` over `{control}": d for (name, control), d in found.items()}
    return (
        f"* {_link(numbers)}, {len(found)} pairs of a method and a control that lacks its idea or "
        f"a part of it: above the control: {_named(pairs, 1)}; below it: {_named(pairs, -1)}."
    )


def _never(sets: Sequence[SetNumbers]) -> Iterator[str]:
    every = [one.to_joint() for one in sets]
    rows = {
        name: record for one in sets for name, record in one.kept.rows.items()
        if not record["is_control"] and record["family"] not in _REFERENCES
    }  # fmt: skip
    helped = {n for found in every for n, d in found.items() if d.stands and d.mean > 0}
    halves = [(d.high - d.low) / 2 for found in every for d in found.values()]
    if halves:
        most = max(map(len, every))
        yield (
            "Not shown is not absent: half the width of these intervals is "
            f"{percent(min(halves))} to {percent(max(halves))} points, and the correction asks "
            f"for more: of {most} rows the first must have a p below {LEVEL / most:.2g}. A star: "
            "below joint training after the correction."
        )
    yield from ("", f"| method | {' | '.join(map(_link, sets))} |", "|---|" + "---:|" * len(sets))
    for name in rows:
        if name not in helped:
            cells = [starred(found.get(name)) for found in every]
            yield f"| `{name}` | {' | '.join(cells)} |"


def _named(found: dict[str, Difference], sign: int) -> str:
    """The rows whose difference of one sign stands, the largest first: "`a` +1.0 [0.2, 1.8]"."""
    standing = {n: d for n, d in found.items() if d.stands and d.mean * sign > 0}
    order = sorted(standing, key=lambda n: -sign * standing[n].mean)
    told = [f"`{name}` {standing[name].words}" for name in order[:MOST_TOLD]]
    more = [f"{len(order) - MOST_TOLD} more"] if len(order) > MOST_TOLD else []
    return listing(told + more)
