"""Requests that no data are needed to refuse: nothing is read, prepared or written for them."""

import pytest

TABLE = "split,label,text,nums\n" + "".join(
    f"{split},{label},the {label} number {k},{k} {k % 3}\n"
    for k, (split, label) in enumerate(
        (split, label) for split in ("train", "train", "validation", "test") for label in "ab"
    )
)


@pytest.mark.parametrize(
    "command", ["compare --seeds 1", "train --method joint", "choose --budget 9s"]
)
@pytest.mark.parametrize(
    ("rest", "words"),
    [
        ("--set keypad.seed=3", ["keypad has no setting 'seed'"]),
        ("--set keypad.root=x", ["keypad has no setting 'root'"]),
        ("--set keypad.snr=Infinity", ["keypad.snr", "inf"]),
        ("--set sgd.momentum=1e999", ["sgd.momentum"]),
        ("--lr 1e999", ["numbers above 0"]), ("--epochs 1000001", ["1,000,000"]),
        (f"--epochs {'9' * 5000}", ["whole number"]), ("--device cuda:99999999", ["no device"]),
        ("--data cremad", ["equimodal data convert cremad", "--data cremad.csv"]),
        ("--data my.csv --set my.csv.seed=1", ["my.yaml", "`seed: VALUE`"]),
        ("--data my.csv --set my.size=1", ["my.yaml", "`size: VALUE`"]),
        ("--data my.csv --fusion summ", ["no fusion 'summ'"]),
        ("--data my.csv --optimizer adm", ["adm"]),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_before_any_data_are_read(
    command, rest, words, refused, folder, monkeypatch
):
    monkeypatch.setenv("EQUIMODAL_CACHE", str(folder / "cache"))
    (folder / "my.csv").write_text(TABLE)
    refused(f"{command} {rest}", *words)


@pytest.mark.parametrize("seeds", ["1000000000", "10001", "-1", "9223372036854775808,"])
def test_so_many_seeds_are_refused_at_once(seeds, refused):
    refused(f"compare --methods joint --seeds={seeds}", "eeds")


@pytest.mark.parametrize("value", ["[" * 3000, "[" * 500 + "]" * 500, "9" * 400, "9" * 5000, "{}"])
def test_a_setting_of_any_form_is_refused(value, refused):
    refused(f"compare --methods amss --seeds 1 --set amss.tau={value}", "tau")


def test_a_budget_of_any_length_is_refused(refused):
    refused(f"choose --budget {'9' * 400}h", "at most 10000h")


def test_a_typo_and_a_folder_that_is_taken_are_told_at_once(refused, folder):
    (folder / "out").mkdir()
    (folder / "out" / "thesis.txt").write_text("precious")
    refused("compare --methods jiont --out out", "no row 'jiont'", "Did you mean 'joint'", "thesis")
