"""The words of a verdict, and how sure one must be of them."""

from equimodal.diagnosis.rules import STATES, SURE_FROM, WORDS, is_sure


def test_the_words_that_people_search_for_stay_as_they_are():
    assert WORDS == ("under-trained", "weak by itself", "well trained", "no verdict")
    assert STATES == (
        "learned nothing", "under-trained", "no verdict", "fusion behind",
        "balanced: nothing to mend",
    )  # fmt: skip


def test_a_word_is_sure_from_its_probability_on_and_never_without_one():
    assert is_sure(SURE_FROM) and is_sure(1.0)
    assert not is_sure(SURE_FROM - 0.001) and not is_sure(None)
