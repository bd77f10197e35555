"""Tokens of a table's texts in six scripts: which of them can be learned from?

    python benchmarks/text_tokens.py --folder DIR

Writes, for each script, a table of 800 generated sentences: the label is one of two stems of six
letters, in one of 120 endings, so that most of its words are rare or new where they are validated,
among words that say nothing. Chinese and Thai are written without blanks. Trains the small text
encoder alone on every kind of token and prints its test accuracy, mean ± sd of the seeds.
"""

import argparse
from pathlib import Path
from statistics import fmean, stdev

import equimodal
from equimodal.numerics.random import data_generator

LETTERS = {
    "Latin": ("abcdefghijklmnopqrstuvwxyz", " "),
    "Cyrillic": ("абвгдежзиклмнопрстуфхцчшщыэюя", " "),
    "Arabic": ("ابتثجحخدذرزسشصضطظعغفقكلمنهوي", " "),
    "Devanagari": ("कखगघचछजझटठडढणतथदधनपफबभमयरलवशसह", " "),
    "Han": ("今天气我们去看电影真的觉得这那里人多少大小来回家水火山石田土", ""),
    "Thai": ("กขคงจฉชซญดตถทนบปผพฟภมยรลวสหอ", ""),
}
VOWELS = {"Devanagari": "ािीुूेैोौ", "Thai": "ิีึืุู่้"}
TOKENS = ("words", "signs", "pieces", "bytes")
SAMPLES, ENDINGS, FILLERS = 800, 120, 200


def write(folder: Path, script: str, tokens: str) -> Path:
    """The table of a script, read in this kind of tokens."""
    rng = data_generator(0, f"tokens {script}")
    letters, blank = LETTERS[script]

    def word(length: int) -> str:
        vowels = VOWELS.get(script, "")
        drawn = rng.integers(0, len(letters), length)
        marks = [vowels[rng.integers(len(vowels))] if vowels else "" for _ in drawn]
        return "".join(letters[d] + mark for d, mark in zip(drawn, marks, strict=True))

    stems, endings = [word(6), word(6)], [word(3) for _ in range(ENDINGS)]
    fillers = [word(4) for _ in range(FILLERS)]
    lines = ["label,text,noise"]
    for k in range(SAMPLES):
        words = [fillers[rng.integers(FILLERS)] for _ in range(5)]
        told = stems[k % 2] + endings[rng.integers(ENDINGS)]
        words.insert(int(rng.integers(6)), told)
        lines.append(f"{'ab'[k % 2]},{blank.join(words)},{rng.normal():.6f}")
    path = folder / f"{script}-{tokens}.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    path.with_suffix(".yaml").write_text(
        f"modalities: {{text: {{kind: text, tokens: {tokens}}}, noise: {{kind: numbers}}}}\n"
    )
    return path


def accuracy(folder: Path, script: str, tokens: str, seeds: int, epochs: int) -> str:
    """Test accuracy of the text alone, in percent."""
    results = equimodal.compare(
        str(write(folder, script, tokens)), methods=["alone:text"], seeds=seeds, epochs=epochs,
        jobs=1, out=folder / f"out-{script}-{tokens}", cache=folder / "cache", progress=False,
    )  # fmt: skip
    found = [100 * run["test"]["accuracy"] for run in results["runs"]]
    return f"{fmean(found):.1f} ± {stdev(found):.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--scripts", nargs="+", choices=LETTERS, default=list(LETTERS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=6)
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    print("| script | " + " | ".join(TOKENS) + " |", flush=True)
    for script in chosen.scripts:
        cells = [
            accuracy(chosen.folder, script, tokens, chosen.seeds, chosen.epochs)
            for tokens in TOKENS
        ]
        print(f"| {script} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
