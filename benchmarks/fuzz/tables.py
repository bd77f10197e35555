"""Tables and their YAML: the same content in many dresses, and tables that are spoiled."""

import contextlib
import csv
import io
import json
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from fuzz.here import SENTENCES, read_here
from fuzz.outcome import VALUE, Outcome, called, command
from fuzz.worker import shorter

ODD = {
    "empty": "", "blank": "  ", "nan": "nan", "null": None, "inf": "inf inf", "huge": "1e999 1",
    "surrogate": "\ud800", "escape": "\x1b[2J", "quote": 'a"b', "newline": "a\nb", "tab": "a\tb",
    "comma": "1,5", "list": [1, 0], "object": {"a": 1}, "number": 7, "true": True, "zero": 0.0,
    "long": "x" * 200_000, "many": "1 " * 8000, "up": "../../etc/passwd", "nul": "a\0b",
    "arabic": "٣ ٤", "semicolon": "a;b", "half": 0.5, "words": "two words",
}  # fmt: skip
YAML = {
    "date": "label: 2020-01-01", "tag": "label: !!python/object:os.system x",
    "number": "label: 1", "digits": "seed: " + "9" * 5000, "brackets": "[" * 3000,
    "list": "[a, b]", "text": "just words", "null": "modalities: null", "nan": "validation: .nan",
    "anchor": "a: &a [*a]", "tabs": "label:\tx\n\tsplit: y", "twice": "label: a\nlabel: b",
    "unknown": "labels: x", "minus": "validation: -1", "one": "validation: 1", "seed": "seed: -1",
    "deep": "modalities: {numbers: {kind: {a: b}}}", "kind": "modalities: {numbers: {kind: audio}}",
    "size": "modalities: {numbers: {kind: image, size: 1e9}, words: {kind: text}}",
    "table": "modalities: {words: {}, both: {kind: table, numbers: [numbers]}}",
    "columns": "modalities: {words: {}, numbers: {kind: table, columns: [numbers, split]}}",
    "most": "modalities: {words: {}, numbers: {kind: table, categories: [numbers], most: 1e9}}",
    "reader": "modalities: {words: {}, numbers: {kind: vector, reader: os.system}}",
    "frames": "modalities: {words: {kind: video, separator: ' '}, numbers: {}}",
    "length": "modalities: {numbers: {}, words: {kind: text, length: 0}}",
    "ratios": "ratios: {train: 0.5, validation: 0.5, test: 0.5}",
    "bomb": "\n".join(["a0: &a0 [x, x]"]
                      + [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, 9)]),
}  # fmt: skip
DRESSES = ("csv", "semicolon", "tsv", "bar", "bom", "crlf", "quoted", "jsonl", "parquet")
SPLITS = ("train", "train", "train", "train", "validation", "test")


def prepare(place: Path) -> Path:
    """The reader of a good table, warm."""
    read_here()
    good = {"dress": "csv", "rows": rows(random.Random(0)), "odd": [], "yaml": None, "bytes": []}
    outcome = run(good, place)
    assert outcome.word == VALUE, outcome
    return place


def rows(chance: random.Random) -> list[list[Any]]:
    """Split, label, a sentence and two numbers of some samples; labels are words or numbers."""
    labels = chance.choice([("cat", "dog"), ("a", "b", "c"), (0, 1), ("1", "2"), ("Ä", "ß")])
    count = 6 * len(labels) * chance.choice([2, 3])
    scale = chance.choice([1, 1000, 1e-3])
    return [
        [SPLITS[k % 6], labels[k // 6 % len(labels)], f"{SENTENCES[k % 4]} {k}",
         round(k * scale, 6), round((k * 7 % 23 - 5) * scale, 6)]
        for k in range(count)
    ]  # fmt: skip


def make(chance: random.Random, made: Path) -> dict[str, Any]:
    """A dress, and for two of three tables something odd."""
    case: dict[str, Any] = {
        "dress": chance.choice(DRESSES), "rows": rows(chance), "odd": [], "yaml": None, "bytes": [],
    }  # fmt: skip
    what = chance.choice(["nothing", "cells", "cells", "yaml", "bytes", "header"])
    if what == "cells":
        for _ in range(chance.choice([1, 1, 2, 5])):
            at, column = chance.randrange(len(case["rows"])), chance.randrange(4)
            case["odd"].append([at, column, chance.choice(list(ODD))])
    elif what == "header":
        names = ["", "label", "a b", "é", "x" * 300, "split", "a.b", "..", "forward", "\x1b[2J"]
        names += ["a\nb"]
        case["odd"].append([-1, chance.randrange(4), chance.choice(names)])
    elif what == "yaml":
        case["yaml"] = chance.choice(list(YAML))
    elif what == "bytes":
        for _ in range(chance.choice([1, 1, 3])):
            case["bytes"].append([chance.choice(["flip", "cut", "drop"]), chance.random()])
    return case


def write(case: dict[str, Any], folder: Path) -> Path:
    """The table of a case, and its YAML."""
    header, lines = ["split", "label", "words", "numbers"], []
    for split, label, words, *numbers in case["rows"]:
        lines.append([split, label, words, " ".join(map(str, numbers))])
    for at, column, odd in case["odd"]:
        if at < 0:
            header[column] = odd
        elif at < len(lines):
            lines[at][column] = ODD[odd]
    path = dressed(case["dress"], header, lines, folder)
    if case["yaml"]:
        path.with_suffix(".yaml").write_text(YAML[case["yaml"]])
    if case["bytes"]:
        path.write_bytes(spoiled(path.read_bytes(), case["bytes"]))
    return path


def dressed(dress: str, header: list[str], lines: list[list[Any]], folder: Path) -> Path:
    """The lines as a file of this dress."""
    if dress == "jsonl":
        path = folder / "my.jsonl"
        texts = [json.dumps(dict(zip(header, line, strict=True))) for line in lines]
        path.write_text("\n".join(texts) + "\n")
        return path
    if dress == "parquet":
        columns = [[str(c) if isinstance(c, list | dict) else c for c in column]
                   for column in zip(*lines, strict=True)]  # fmt: skip
        for at, column in enumerate(columns):
            if len({type(cell) for cell in column if cell is not None}) > 1:
                columns[at] = [None if cell is None else str(cell) for cell in column]
        table = pyarrow.table([clean(column) for column in columns], names=header)
        pyarrow.parquet.write_table(table, folder / "my.parquet")
        return folder / "my.parquet"
    sign = {"semicolon": ";", "tsv": "\t", "bar": "|"}.get(dress, ",")
    path, text = folder / ("my.tsv" if dress == "tsv" else "my.csv"), io.StringIO()
    writer = csv.writer(
        text, delimiter=sign, lineterminator="\r\n" if dress == "crlf" else "\n",
        quoting=csv.QUOTE_ALL if dress == "quoted" else csv.QUOTE_MINIMAL,
    )  # fmt: skip
    writer.writerow(header)
    writer.writerows(["" if cell is None else cell for cell in line] for line in lines)
    start = "\ufeff" if dress == "bom" else ""
    path.write_bytes((start + text.getvalue()).encode("utf-8", "surrogatepass"))
    return path


def clean(column: list[Any]) -> list[Any]:
    """Parquet holds no half characters."""
    return [c.encode("utf-8", "replace").decode() if isinstance(c, str) else c for c in column]


def spoiled(content: bytes, edits: list[list[Any]]) -> bytes:
    """The bytes with some flipped, cut or dropped, at a share of their length."""
    found = bytearray(content)
    for what, share in edits:
        at = int(share * len(found))
        if what == "flip" and found:
            found[at] ^= 1 << int(share * 1e6) % 8
        elif what == "cut":
            del found[at:]
        else:
            del found[at : at + 1]
    return bytes(found)


def run(case: dict[str, Any], made: Path) -> Outcome:
    """Explain and check a table; where nothing is odd, what is read has to be right."""
    folder = made / "now"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    path = write(case, folder)
    with contextlib.chdir(folder):
        for line in (["data", path.name], ["data", "check", path.name]):
            if not (shown := command(line, folder)).is_right:
                return shown
        found = command(["data", "check", path.name, "--json"], folder)
        odd = case["odd"] or case["yaml"] or case["bytes"]
        if odd or not found.is_right:
            return Outcome(found.word, found.text[:300])
        if found.word != VALUE:
            return Outcome("good input refused", found.text)
        return right(case, json.loads(found.text), path)


def right(case: dict[str, Any], told: dict[str, Any], path: Path) -> Outcome:
    """Whether a good table was understood: splits and classes, modalities, and the values."""
    truth = Counter((split, str(label)) for split, label, *_ in case["rows"])
    counted = {(s, c): n for s, of in told["balance"].items() for c, n in of.items() if n}
    if counted != dict(truth):
        return Outcome("wrong value", f"counted {counted} instead of {dict(truth)}")
    kinds = {name: about["settings"]["kind"] for name, about in told["modalities"].items()}
    if kinds != {"words": "text", "numbers": "numbers"}:
        return Outcome("wrong value", f"modalities {kinds}")
    return values(case, path)


def values(case: dict[str, Any], path: Path) -> Outcome:
    """Whether the numbers that a training reads are those of the table, up to place and scale."""
    import torch

    from equimodal import data

    source, outcome = called(lambda: data.load(path.name))
    if outcome.word != VALUE:
        return Outcome("good input refused", outcome.text)
    for name in ("train", "validation", "test"):
        split = getattr(source, name)
        wanted = torch.tensor([row[3:] for row in case["rows"] if row[0] == name]).double()
        found = split.take(torch.arange(len(split)))[0]["numbers"].double()
        if found.shape != wanted.shape:
            return Outcome("wrong value", f"{name} holds {tuple(found.shape)} numbers")
        ours, theirs = (x - x[:1] for x in (found, wanted))
        factor = (ours * theirs).sum(0) / (theirs * theirs).sum(0).clamp_min(1e-30)
        if not torch.allclose(ours, factor * theirs, atol=1e-4 * float(ours.abs().max() + 1e-9)):
            return Outcome("wrong value", f"other numbers in {name}")
    return Outcome(VALUE)


def smaller(case: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Fewer odd things, a plain dress."""
    yield from ({**case, "odd": fewer} for fewer in shorter(case["odd"], 1))
    yield from ({**case, "bytes": fewer} for fewer in shorter(case["bytes"], 1))
    if case["dress"] not in ("csv", "jsonl"):
        yield {**case, "dress": "csv"}
