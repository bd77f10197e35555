import pytest

from equimodal.comparison.folder import check_new, claim
from equimodal.errors import BalanceError
from unit.comparison.conftest import plan_of


def plan(**changes):
    arguments = {"methods": ["joint", "amss"], "seeds": 2, "lr": 0.1}
    return plan_of("tiny", **{**arguments, **changes})


def test_a_folder_that_is_new_or_empty_is_free(tmp_path):
    check_new(tmp_path / "new", resume=False)
    check_new(tmp_path, resume=False)
    check_new(tmp_path, resume=True)


def test_results_are_never_overwritten_without_being_asked(tmp_path, tiny_plans):
    claim(tmp_path, plan())
    with pytest.raises(BalanceError, match=r"holds results already; add --resume .*--out"):
        check_new(tmp_path, resume=False)
    check_new(tmp_path, resume=True)


def test_a_folder_with_the_table_of_a_recipe_is_continued(tmp_path):
    (tmp_path / "data").mkdir()
    check_new(tmp_path, resume=True)
    with pytest.raises(BalanceError, match="add --resume"):
        check_new(tmp_path, resume=False)


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_of_something_else_is_refused(tmp_path, resume):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(BalanceError, match=r"1 other files, such as 'thesis.tex'"):
        check_new(tmp_path, resume=resume)


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BalanceError, match="is a file"):
        check_new(tmp_path / "file", resume=True)


def test_a_name_that_no_system_takes_is_refused(tmp_path):
    with pytest.raises(BalanceError, match=r"cannot be used \(.*\); check --out"):
        check_new(tmp_path / ("x" * 5000), resume=False)


def test_the_same_comparison_may_continue(tmp_path, tiny_plans):
    claim(tmp_path, plan())
    claim(tmp_path, plan())


def test_a_default_model_does_not_continue_another(tmp_path, tiny_plans):
    claim(tmp_path, plan(fusion="film"))
    with pytest.raises(BalanceError, match="fusion was 'film', is None"):
        claim(tmp_path, plan())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 7}, r"epochs was 30, is 7\. Repeat"),
        ({"objective": "fused+unimodal"}, r"objective was 'fused', is 'fused\+unimodal'"),
        ({"lr": 0.2, "seeds": 3}, r"seeds was \[0, 1\], is \[0, 1, 2\]; lr was \[0.1\], is"),
        ({"methods": ["joint"]}, "methods was"),
        ({"settings": {"amss.tau": 0.9}}, "settings was {}, is {'amss': {'tau': 0.9}}"),
        ({"settings": {"tiny.noise": 9}}, "data_settings was"),
        ({"fusion": "film"}, "fusion was None, is 'film'"),
    ],
)
def test_another_comparison_is_refused_by_what_differs(tmp_path, tiny_plans, changes, message):
    claim(tmp_path, plan())
    with pytest.raises(BalanceError, match=message):
        claim(tmp_path, plan(**changes))


def test_a_comparison_without_a_key_does_not_continue_one_that_has_it(tmp_path, tiny_plans):
    claim(tmp_path, plan(optimizer="adam", settings={"adam.betas": (0.9, 0.9)}))
    with pytest.raises(BalanceError, match=r"optimizer_settings was {'betas': .*}, is None"):
        claim(tmp_path, plan(optimizer="adam"))
