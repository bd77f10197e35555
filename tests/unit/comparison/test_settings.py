import pytest

from equimodal.comparison.settings import check_method_settings, split_settings, with_names
from equimodal.errors import BalanceError


def test_settings_are_sorted_by_their_owner():
    given = {"amss.tau": 0.2, "keypad.snr": 5, "amss.on": "update"}
    found = split_settings(given, "keypad", ["joint", "amss"])
    assert found == {"amss": {"tau": 0.2, "on": "update"}, "keypad": {"snr": 5}}


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("tau", "'tau' does not say whose it is.*one of keypad, joint, amss before"),
        ("amss.", "'amss.' does not say whose"),
        ("ams.tau", "'ams.tau' belongs to nothing.*Did you mean 'amss'"),
        ("dus.minimum", "'dus.minimum' belongs to nothing in this comparison; write one of keypad"),
        ("untrained.x", "belongs to nothing"),
    ],
)
def test_a_key_without_an_owner_in_the_comparison_is_refused(key, message):
    with pytest.raises(BalanceError, match=message):
        split_settings({key: 1}, "keypad", ["untrained", "joint", "amss"])


def test_what_a_method_takes_is_accepted():
    check_method_settings("amss", {"tau": 1, "clamp": [0.2, 0.8], "on": "update"})


def test_the_word_none_is_a_name_where_a_name_is_wanted():
    given = {"mask": None, "fraction": None, "tau": 0.2, "unknown": None}
    assert with_names("amss", given) == given | {"mask": "none"}


@pytest.mark.parametrize(
    ("row", "given", "message"),
    [
        ("amss", {"taus": 0.2}, "amss has no setting 'taus'; it has tau.*Did you mean 'tau'"),
        ("amss", {"tau": "warm"}, "amss.tau must be a number, as its default 0.2 is; found 'warm'"),
        ("amss", {"tau": -1.0}, "^amss: AMSS tau must be a number > 0; found -1.0"),
        ("amss", {"clamp": 0.2}, r"^amss: AMSS clamp must be \(low, high\)"),
        ("amss", {"on": "weights"}, "amss.on must be gradient or update, found 'weights'"),
        ("joint", {"tau": 0.2}, "joint has no setting 'tau'"),
        ("relearn", {"on": "update"}, "relearn changes no gradient, so relearn.on has no effect"),
    ],
)
def test_what_a_method_does_not_take_is_refused(row, given, message):
    with pytest.raises(BalanceError, match=message):
        check_method_settings(row, given)
