"""Small tables of each task, with inline numbers as modalities."""

import csv

import numpy as np

LABELS = ("bird", "cat", "dog")


def numbers(row):
    return " ".join(f"{value:.4f}" for value in row)


def modalities(truth, *, seed=0, noise=0.6):
    """Two modalities that show the truth linearly. (N, D) -> 2 times (N, 4)"""
    draw = np.random.default_rng(seed)
    maps = [draw.normal(size=(truth.shape[1], 4)) for _ in range(2)]
    return [truth @ m + noise * draw.normal(size=(len(truth), 4)) for m in maps]


def written(path, header, rows, declared):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    path.with_suffix(".yaml").write_text(declared)
    return path


def multi_label(folder, *, count=90, columns=False, declared=None):
    """Three labels, by names with a separator or by columns."""
    states = np.random.default_rng(1).integers(0, 2, (count, 3))
    states[states.sum(1) == 0, 0] = 1
    rows = zip(states, *modalities(2.0 * states - 1), strict=True)
    if columns:
        text = "task: multi-label\nlabel: [bird, cat, dog]\n"
        cells = [[*s, numbers(a), numbers(b)] for s, a, b in rows]
        return written(folder / "tags.csv", [*LABELS, "touch", "smell"], cells, declared or text)
    text = "task: multi-label\nlabel: tags\nseparator: ';'\n"
    names = [";".join(n for n, s in zip(LABELS, row, strict=True) if s) for row in states]
    cells = [[n, numbers(a), numbers(b)] for n, (_, a, b) in zip(names, rows, strict=True)]
    return written(folder / "tags.csv", ["tags", "touch", "smell"], cells, declared or text)


def regression(folder, *, count=90, lacking=False, declared=""):
    """A height and a weight; with ``lacking`` a fifth of each modality is empty."""
    draw = np.random.default_rng(2)
    truth = draw.normal(size=(count, 2))
    first, second = modalities(truth)
    rows = []
    for place, (t, a, b) in enumerate(zip(truth, first, second, strict=True)):
        gone = place % 5 if lacking else 9
        cells = ["" if gone == 0 else numbers(a), "" if gone == 1 else numbers(b)]
        rows.append([f"{170 + 10 * t[0]:.3f}", f"{70 + 15 * t[1]:.3f}", *cells])
    text = "task: regression\nlabel: [height, weight]\n" + ("missing: allow\n" * lacking)
    header = ["height", "weight", "touch", "smell"]
    return written(folder / "body.csv", header, rows, declared or text)


def classes(folder, *, count=90, lacking=False, declared=None):
    """Three classes; with ``lacking`` a fifth of each modality is empty."""
    labels = np.arange(count) % 3
    first, second = modalities(np.eye(3)[labels])
    rows = []
    for place, (label, a, b) in enumerate(zip(labels, first, second, strict=True)):
        gone = (place // 3) % 5 if lacking else 9
        cells = ["" if gone == 0 else numbers(a), "" if gone == 1 else numbers(b)]
        rows.append([LABELS[label], *cells])
    text = "missing: allow\n" if lacking else ""
    header = ["label", "touch", "smell"]
    return written(folder / "pets.csv", header, rows, text if declared is None else declared)


def edited(path, column, place, cell):
    """The table with another cell; ``place`` counts samples from 0."""
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    rows[place + 1][rows[0].index(column)] = cell
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


PATIENTS = """\
missing: allow
modalities:
  patient: {kind: table, numbers: [age, pressure], categories: [sex, ward]}
  smell: {}
"""


def patient_rows(count=120):
    """Label, split, two numbers, two categories and an inline vector; a fifth of the numbers and
    categories is empty."""
    draw = np.random.default_rng(0)
    found = []
    for k in range(count):
        row = [str(draw.integers(20, 80)), f"{draw.normal(120, 9):.1f}", "fm"[draw.integers(2)],
               ("A", "B", "C")[draw.integers(3)]]  # fmt: skip
        row = ["" if draw.random() < 0.2 else cell for cell in row]
        split = ("train", "train", "train", "train", "validation", "test")[k // 2 % 6]
        found.append([("cat", "dog")[k % 2], split, *row, numbers(draw.normal(size=3))])
    return found


def patients(folder, rows, declared=PATIENTS):
    """The table of `patient_rows`."""
    header = ["label", "split", "age", "pressure", "sex", "ward", "smell"]
    return written(folder / "my.csv", header, rows, declared)
