"""Every method is tested, and `make test` grows with classes and stages, not with names."""

import pytest

from equimodal import methods
from products import by_class, by_stage, every, one_of_each, stage, stages


def always(parametrization):
    """Names that no mark keeps from `make test`."""
    return [name for name in parametrization if isinstance(name, str)]


def all_of(parametrization):
    return [name if isinstance(name, str) else name.values[0] for name in parametrization]


@pytest.mark.parametrize("product", [every, by_class, by_stage])
def test_no_method_is_left_out(product):
    assert all_of(product()) == list(methods.names())


def test_the_rest_of_a_product_is_left_to_the_full_run():
    rest = [p for p in by_class() if not isinstance(p, str)]
    assert rest and all([mark.name for mark in p.marks] == ["full"] for p in rest)


@pytest.mark.parametrize(("product", "kind"), [(by_class, methods.load), (by_stage, stage)])
def test_one_method_of_each_kind_runs_always(product, kind):
    chosen = [kind(name) for name in always(product())]
    assert len(chosen) == len(set(chosen))
    assert set(chosen) == {kind(name) for name in methods.names()}


def test_every_kind_of_stage_is_there():
    assert {stage(n) for n in stages()} >= {"", "on_gradients", "on_plan", "on_epoch_end"}


def test_some_methods_alone_have_their_own_representatives():
    unpaired = [n for n in methods.names() if methods.load(n).unpaired]
    assert all_of(by_class(unpaired)) == unpaired
    assert len(always(by_stage(unpaired))) == 1


def test_the_first_of_a_kind_speaks_for_it_and_a_control_only_where_there_is_no_other():
    names = ["a-control", "a1", "a2", "b-control", "c1"]
    chosen = one_of_each(names, kind=lambda n: n[0], last=lambda n: n.endswith("control"))
    assert chosen == ["a1", "b-control", "c1"]
