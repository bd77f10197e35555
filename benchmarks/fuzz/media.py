"""Media and arrays: real small files, then bits flipped, ends cut, headers and names edited."""

import contextlib
import io
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import soundfile
from PIL import Image

from fuzz.here import SENTENCES, read_here
from fuzz.outcome import REFUSED, VALUE, Outcome
from fuzz.worker import shorter

EDITS = ("flip", "flip", "byte", "word", "cut", "append", "zero", "splice", "drop")
ROWS = 12
HEADER = 256
CODES = ("unreadable", "truncated", "empty", "large", "pickle", "finite", "shape")
TOLERANT = ("mp4", "avi", "flv")
"""A video may lack its last two frames, by the rule of docs/manifest.md."""
TEXTUAL = ("txt", "csv")
"""Whose content says nothing of its length: a part is a shorter one."""


class Base(NamedTuple):
    """A whole file: its bytes, how it is read, and what that gives."""

    name: str
    content: bytes
    task: Any
    array: Any


def prepare(place: Path) -> dict[str, Base]:
    """Good files of every format, read once for the settings and the arrays of each column."""
    tasks: dict[str, Any] = {}

    def heard(task: Any, entries: list[tuple[int, str]]) -> None:
        if task.files and task.name == "decode":
            tasks.update(dict.fromkeys((path for _, path in entries), replace(task, keep=True)))

    read_here(heard)
    names = files(place)
    header = ",".join(["label", "split", *sorted(set(names))])
    lines = [
        ",".join([f"c{k % 2}", ("train", "validation", "test")[k // 2 % 3]]
                 + [f"{column}{k}.{names[column]}" for column in sorted(names)])
        for k in range(ROWS)
    ]  # fmt: skip
    (place / "all.csv").write_text("\n".join([header, *lines]) + "\n")
    kinds = "".join(f"  {column}: {{{DECLARED.get(column, '')}}}\n" for column in sorted(names))
    (place / "all.yaml").write_text("modalities:\n" + kinds)
    from equimodal.data.table.check.check import check

    report = check(place / "all.csv")
    assert not report.problems, report.problems[:2]
    found = {}
    for path, task in tasks.items():
        if Path(path).stem.endswith("0") and not Path(path).stem.endswith("10"):
            _, (array,) = read(task, path)
            found[Path(path).name] = Base(Path(path).name, Path(path).read_bytes(), task, array)
    return found


DECLARED = {
    "grey": "kind: image, size: 8, channels: 1", "colour": "kind: image, size: [8, 6]",
    "photo": "kind: image, size: 8, channels: 3", "sound": "kind: sound, rate: 8000, seconds: 0.1",
    "lossless": "kind: sound, rate: 4000, seconds: 0.1",
    "wave": "kind: waveform, rate: 8000, seconds: 0.1",
    "film": "kind: video, size: 8, frames: 4", "cinema": "kind: video, size: 8, frames: 4",
    "flash": "kind: video, size: 8, frames: 4",
    "body": "kind: vector", "steps": "kind: sequence, length: 9", "packed": "kind: vector",
    "note": "kind: text", "lines": "kind: sequence, length: 9",
}  # fmt: skip


def files(place: Path) -> dict[str, str]:
    """Write a dozen files for each column; the column's suffix."""
    draw = np.random.default_rng(0)
    makers: dict[str, tuple[str, Callable[[Path, int], object]]] = {
        "grey": ("png", lambda p, k: picture(draw, "L").save(p)),
        "colour": ("png", lambda p, k: picture(draw, "RGB").save(p)),
        "photo": ("jpg", lambda p, k: picture(draw, "RGB").save(p)),
        "sound": ("wav", lambda p, k: soundfile.write(p, draw.normal(0, 0.1, 800), 8000)),
        "lossless": ("flac", lambda p, k: soundfile.write(p, draw.normal(0, 0.1, 800), 8000)),
        "wave": ("wav", lambda p, k: soundfile.write(p, draw.normal(0, 0.1, (800, 2)), 8000)),
        "film": ("mp4", lambda p, k: film(p, draw, "mpeg4")),
        "cinema": ("avi", lambda p, k: film(p, draw, "mjpeg")),
        "flash": ("flv", lambda p, k: film(p, draw, "flv")),
        "body": ("npy", lambda p, k: np.save(p, draw.normal(size=5))),
        "steps": ("npy", lambda p, k: np.save(p, draw.normal(size=(7, 3)).astype("f4"))),
        "packed": ("npz", lambda p, k: np.savez_compressed(p, body=draw.normal(size=5))),
        "note": ("txt", lambda p, k: p.write_text(f"{SENTENCES[k % 4]} {k}")),
        "lines": ("csv", lambda p, k: np.savetxt(p, draw.normal(size=(7, 3)), delimiter=",")),
    }  # fmt: skip
    for column, (suffix, write) in makers.items():
        for k in range(ROWS):
            write(place / f"{column}{k}.{suffix}", k)
    return {column: suffix for column, (suffix, _) in makers.items()}


def picture(draw: np.random.Generator, mode: str) -> Image.Image:
    """Noise, 12 by 10."""
    shape = (10, 12) if mode == "L" else (10, 12, 3)
    return Image.fromarray(draw.integers(0, 255, shape, dtype=np.uint8), mode)


def film(path: Path, draw: np.random.Generator, codec: str) -> None:
    """Ten frames of noise, 32 by 32."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for _ in range(10):
            pixels = draw.integers(0, 255, (32, 32, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


def make(chance: random.Random, made: dict[str, Base]) -> dict[str, Any]:
    """A file and what is done to it."""
    name = chance.choice(sorted(made))
    suffix = name.rpartition(".")[2]
    edits = [edit(chance, made, name) for _ in range(chance.choice([1, 1, 1, 2, 3, 8]))]
    rename = chance.choice(sorted(made)).rpartition(".")[2] if chance.random() < 0.08 else suffix
    return {"file": name, "edits": edits, "suffix": rename}


def edit(chance: random.Random, made: dict[str, Base], name: str) -> list[Any]:
    """One edit of a file, as plain data."""
    size = len(made[name].content)
    place = chance.randrange(min(size, HEADER) if chance.random() < 0.6 else size)
    what = chance.choice(EDITS)
    if what == "flip":
        return [what, place, 1 << chance.randrange(8)]
    if what == "byte":
        return [what, place, chance.choice([0, 1, 127, 128, 255, chance.randrange(256)])]
    if what == "word":
        odd = chance.choice([0, 1, 2**31 - 1, 2**31, 2**32 - 1, 65535, chance.randrange(2**32)])
        return [what, place, odd, chance.choice(["little", "big"])]
    if what == "splice":
        return [what, place, chance.choice(sorted(made))]
    if what in ("zero", "drop"):
        return [what, place, chance.choice([1, 4, 16, 64])]
    return [what, place] if what == "cut" else [what, chance.choice([1, 7, 5000])]


def content(case: dict[str, Any], made: dict[str, Base]) -> bytes:
    """The bytes of a case."""
    found = bytearray(made[case["file"]].content)
    for what, at, *more in case["edits"]:
        if what == "cut":
            del found[at:]
        elif what == "append":
            found += b"\x55" * at
        elif at < len(found):
            if what == "flip":
                found[at] ^= more[0]
            elif what == "byte":
                found[at] = more[0]
            elif what == "word":
                found[at : at + 4] = more[0].to_bytes(4, more[1])
            elif what == "zero":
                found[at : at + more[0]] = bytes(more[0])
            elif what == "drop":
                del found[at : at + more[0]]
            elif what == "splice":
                found[at:] = made[more[0]].content[at:]
    return bytes(found)


def read(task: Any, path: str) -> tuple[dict[str, Any], list[Any]]:
    """What the product's reader says of a file: an outcome, and its array where it has one."""
    from equimodal.data.table.items.work import done

    (outcome,), arrays = done(task, [(0, path)], frozenset())
    return outcome, arrays


def run(case: dict[str, Any], made: dict[str, Base]) -> Outcome:
    """Read a spoiled file, its facts first."""
    base = made[case["file"]]
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree("now")
    Path("now").mkdir()
    path = Path("now", Path(case["file"]).stem + "." + case["suffix"])
    path.write_bytes(content(case, made))
    with contextlib.redirect_stderr(io.StringIO()):
        facts, _ = read(replace(base.task, name="measure", keep=False), str(path))
        outcome, arrays = read(base.task, str(path))
    if "problem" in facts and (wrong := problem(facts["problem"])).word != REFUSED:
        return wrong
    if "problem" in outcome:
        return problem(outcome["problem"])
    return right(case, base, arrays[0])


def problem(found: list[str]) -> Outcome:
    """A file's finding: a code that documents know, and one clear line."""
    code, text = found
    if code not in CODES:
        return Outcome("unclear", f"code {code}: {text[:200]}")
    if not text.isprintable() or len(text) > 400:
        return Outcome("unclear", f"{code}: {text[:200]!r}")
    if "MemoryError" in text or "llocate" in text:
        return Outcome("memory", text)
    return Outcome(REFUSED, text)


def right(case: dict[str, Any], base: Base, array: Any) -> Outcome:
    """Whether an array may come of a file."""
    if array.dtype != base.array.dtype or not np.isfinite(array).all():
        return Outcome("wrong value", f"{array.dtype}, not finite: {not np.isfinite(array).all()}")
    fixed = base.task.kind not in ("vector", "sequence")
    if fixed and array.shape != base.array.shape:
        return Outcome("wrong value", f"the shape {array.shape} instead of {base.array.shape}")
    kinds = {what for what, *_ in case["edits"]}
    suffix = case["file"].rpartition(".")[2]
    harmless = kinds <= {"append", "cut"} and suffix not in TEXTUAL + TOLERANT
    if harmless and not (array.shape == base.array.shape and (array == base.array).all()):
        return Outcome("wrong value", f"{sorted(kinds)}: other values, no word")
    return Outcome(VALUE)


def smaller(case: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Fewer edits, and the file's own name."""
    yield from ({**case, "edits": fewer} for fewer in shorter(case["edits"], 1))
    own = case["file"].rpartition(".")[2]
    if case["suffix"] != own:
        yield {**case, "suffix": own}
