"""Whose encoders learn in an update, and for how many updates a batch is used."""

from collections import namedtuple
from dataclasses import dataclass
from itertools import islice
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, IterableDataset

from equimodal import BalanceError, Balancer, Encoder, LinearSplit, Method
from equimodal.balancing.alternation.chunks import repeated
from equimodal.balancing.alternation.repeated import Repeated
from equimodal.methods.composition import Composition
from unit.two_encoders import Net

LABELS = torch.tensor([0, 1] * 3)


class Alternating(Method):
    """One encoder an update, in the order of their names; every batch for each of them."""

    def __init__(self, times=2, fixed=None):
        super().__init__()
        self.times, self.fixed = times, fixed

    def turn(self, moment):
        names = moment.modalities.names
        return (names[moment.index % len(names)],) if self.fixed is None else self.fixed

    def repeats(self, modalities):
        return self.times


class Items:
    """Twelve items, ``({m: x}, label)``."""

    def __init__(self, count=12):
        draw = torch.Generator().manual_seed(0)
        self.a, self.b = (torch.randn(count, n, generator=draw) for n in (3, 5))

    def __len__(self):
        return len(self.a)

    def __getitem__(self, index):
        return {"a": self.a[index], "b": self.b[index]}, index % 2


def made(method=None, net=None, **options):
    net = net or Net()
    method = Alternating() if method is None else method
    names = options.pop("encoders", {"a": "a", "b": "b"})
    return net, Balancer(net, method, names, LinearSplit("head"), **options)


def update(net, balancer, optimizer, inputs, labels, set_to_none=True):
    balancer.loss(net(**inputs), labels).backward()
    balancer.before_step()
    optimizer.step()
    optimizer.zero_grad(set_to_none=set_to_none)


def sgd(net):
    return torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)


def trained(net, balancer, batches, optimizer=None):
    optimizer = optimizer or sgd(net)
    for inputs, labels in batches:
        update(net, balancer, optimizer, inputs, labels)
    return {n: p.detach().clone() for n, p in net.named_parameters()}


def batch():
    inputs, labels = next(iter(DataLoader(Items(6), batch_size=6)))
    return inputs, labels


# -- the cut ----------------------------------------------------------------------------------


def test_only_the_encoder_in_turn_and_the_head_learn_and_the_output_is_the_same():
    net, balancer = made()
    inputs, labels = batch()
    expected = Net()(**inputs)
    for moving, resting in (("a", "b"), ("b", "a")):
        before = {n: p.detach().clone() for n, p in net.named_parameters()}
        output = net(**inputs)
        if moving == "a":
            assert torch.equal(output, expected)
        for _ in islice(balancer.passes(), 1):
            balancer.loss(output, labels).backward()
            balancer.before_step()
        sgd(net).step()
        moved = {n for n, p in net.named_parameters() if not torch.equal(p, before[n])}
        assert moved == {f"{moving}.weight", f"{moving}.bias", "head.weight", "head.bias"}
        assert getattr(net, resting).weight.grad is None
        net.zero_grad()


def test_nobody_may_be_in_turn_and_then_the_head_alone_learns():
    net, balancer = made(Alternating(1, fixed=()))
    inputs, labels = batch()
    balancer.loss(net(**inputs), labels).backward()
    assert {n for n, p in net.named_parameters() if p.grad is not None} == {
        "head.weight", "head.bias",
    }  # fmt: skip


@pytest.mark.parametrize("how", ["evaluation", "no_grad"])
def test_evaluation_is_not_cut(how):
    net, balancer = made()
    net(**batch()[0])  # which says who is in turn
    seen = []
    net.b.register_forward_hook(lambda *given: seen.append(given[2].requires_grad))
    if how == "evaluation":
        net.eval()(**batch()[0])
        assert seen == [True]
    else:
        with torch.no_grad():
            balancer.loss(net(**batch()[0]), LABELS)
    balancer.detach()
    net.train()(**batch()[0])
    assert seen[-1]


def test_a_name_that_is_no_modality_is_refused():
    net, _ = made(Alternating(1, fixed=("c",)))
    with pytest.raises(BalanceError, match=r"turn\(\) must name some of \['a', 'b'\]; found"):
        net(**batch()[0])


@dataclass
class Parts:
    """What an encoder may return."""

    features: Tensor
    note: str = ""


Named = namedtuple("Named", ["features", "rest"])
FORMS = {
    "tuple": (lambda f: (f, f * 2), None, lambda out: out[0]),
    "list": (lambda f: [f, f * 2], 0, lambda out: out[0]),
    "named tuple": (lambda f: Named(f, None), 0, lambda out: out.features),
    "mapping": (lambda f: {"features": f, "n": 3}, "features", lambda out: out["features"]),
    "by number": (lambda f: {0: f}, 0, lambda out: out[0]),
    "dataclass": (lambda f: Parts(f), "features", lambda out: out.features),
}  # fmt: skip


class Wrapped(nn.Module):
    """An encoder whose output is of another form."""

    def __init__(self, form):
        super().__init__()
        self.inner, self.form = nn.Linear(3, 4), form

    def forward(self, a):
        return self.form(self.inner(a))


class OfForms(Net):
    """Reads the features out of an encoder's output."""

    def __init__(self, form, read):
        super().__init__()
        self.a, self.read = Wrapped(form), read

    def forward(self, a, b):
        return self.head(torch.cat([self.read(self.a(a)), self.b(b)], -1))


@pytest.mark.parametrize("form", [f for f in FORMS if f != "by number"])
def test_every_form_of_output_is_cut_as_a_whole(form):
    make, key, read = FORMS[form]
    net = OfForms(make, read)
    encoders = {"b": "b", "a": Encoder("a", output=key)}
    balancer = Balancer(net, Alternating(1, fixed=("b",)), encoders)
    inputs, labels = batch()
    balancer.loss(net(**inputs), labels).backward()
    assert net.a.inner.weight.grad is None and net.b.weight.grad is not None


def test_an_output_that_cannot_be_cut_is_refused():
    class Own:
        def __init__(self, features):
            self.features = features

    net = OfForms(Own, lambda out: out.features)
    encoders = {"a": Encoder("a", output="features"), "b": "b"}
    Balancer(net, Alternating(1, fixed=("b",)), encoders)
    with pytest.raises(BalanceError, match="An encoder out of turn returned Own"):
        net(**batch()[0])


def test_an_encoder_named_by_its_parameters_cannot_be_cut():
    with pytest.raises(BalanceError, match=r"trains encoders in turn.*\['a'\]"):
        made(Alternating(1), encoders={"a": r"a\..*", "b": "b"})


# -- batches ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((5, 1, 2), [0, 1, 2, 3, 4]),
        ((3, 2, 1), [0, 0, 1, 1, 2, 2]),
        ((5, 3, 2), [0, 1, 0, 1, 0, 1, 2, 3, 2, 3, 2, 3]),
        ((1, 2, 2), []),
    ],
)
def test_batches_come_in_chunks_and_a_rest_is_left_out(given, expected):
    count, repeats, accumulation = given
    assert list(repeated(range(count), repeats, accumulation)) == expected
    _, balancer = made(Alternating(repeats))
    loader = balancer.repeat(list(range(count)), accumulation)
    assert list(loader) == expected and len(loader) == len(expected)
    if repeats > 1 and expected:
        assert loader.state_dict() == {"batch": 0}


def test_where_a_batch_is_used_once_the_loader_itself_comes_back():
    loader = DataLoader(Items())
    _, balancer = made(Alternating(1))
    assert balancer.repeat(loader) is loader
    assert list(balancer.passes()) == [0]


def test_a_repeated_loader_has_the_attributes_of_its_own_and_need_not_be_sized():
    _, balancer = made()
    loader = balancer.repeat(DataLoader(Items(), batch_size=4))
    assert isinstance(loader, Repeated) and loader.batch_size == 4 and len(loader) == 6
    with pytest.raises(AttributeError):
        loader.nothing  # noqa: B018

    class Endless(IterableDataset):
        def __iter__(self):
            return iter(range(4))

    assert [int(x) for x in balancer.repeat(DataLoader(Endless()))] == [0, 0, 1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("given", [iter([1]), {"a": 1}, "loader", 3])
def test_what_is_no_loader_is_refused(given):
    _, balancer = made()
    with pytest.raises(BalanceError, match=r"repeat\(\) takes a loader that is iterable again"):
        balancer.repeat(given)
    with pytest.raises(BalanceError, match="accumulation must be a whole number"):
        balancer.repeat([1], accumulation=0)


def test_a_count_of_updates_that_is_none_is_refused():
    with pytest.raises(BalanceError, match="repeats, the updates of a batch, must be"):
        made(Alternating(0))


def test_batches_repeat_passes_and_loaders_train_to_the_same_bits():
    def run(how):
        net, balancer = made()
        optimizer = sgd(net)
        for _ in range(2):
            if how == "passes":
                once = Balancer(Net(), Method(), {"a": "a", "b": "b"})
                once.epoch_index = balancer.epoch_index
                for inputs, labels in once.batches(Items(), batch_size=4):
                    for _ in balancer.passes():
                        update(net, balancer, optimizer, inputs, labels)
            elif how == "repeat":
                once = Balancer(Net(), Method(), {"a": "a", "b": "b"})
                once.epoch_index = balancer.epoch_index
                trained(
                    net, balancer, balancer.repeat(once.loader(Items(), batch_size=4)), optimizer
                )
            elif how == "loader":
                loader = balancer.loader(Items(), batch_size=4)
                assert len(loader) == 6
                trained(net, balancer, loader, optimizer)
            else:
                trained(net, balancer, balancer.batches(Items(), batch_size=4), optimizer)
            balancer.epoch_end()
        assert balancer.step_index == 12
        return dict(net.named_parameters())

    first = run("batches")
    for how in ("passes", "repeat", "loader"):
        other = run(how)
        assert all(torch.equal(first[n], other[n]) for n in first), how


@pytest.mark.parametrize("stopped", range(1, 6))
@pytest.mark.parametrize("how", ["batches", "loader", "repeat"])
def test_a_training_that_is_stopped_between_two_passes_ends_in_the_same_bits(how, stopped):
    once = Balancer(Net(), Method(), {"a": "a", "b": "b"})

    def given(balancer, start=0):
        if how == "batches":
            return balancer.batches(Items(), batch_size=4, start=start)
        loader = balancer.loader(Items(), batch_size=4)
        if how == "repeat":
            loader = balancer.repeat(once.loader(Items(), batch_size=4))
        loader.load_state_dict({"batch": start})
        return loader

    net, balancer = made()
    whole = trained(net, balancer, given(balancer))
    net, balancer = made()
    optimizer = sgd(net)
    trained(net, balancer, islice(given(balancer), stopped), optimizer)
    later, after = made()
    later.load_state_dict(net.state_dict())
    after.load_state_dict(balancer.state_dict())
    resumed = sgd(later)
    resumed.load_state_dict(optimizer.state_dict())
    end = trained(later, after, given(after, stopped), resumed)
    after.epoch_end()
    assert all(torch.equal(whole[n], end[n]) for n in whole)


def test_micro_batches_of_an_update_belong_to_one_turn():
    net, balancer = made()
    optimizer = sgd(net)
    turns = []
    for number, (inputs, labels) in enumerate(
        balancer.batches(Items(), batch_size=3, accumulation=2), start=1
    ):
        (balancer.loss(net(**inputs), labels) / 2).backward()
        if number % 2 == 0:
            turns.append([m for m in "ab" if getattr(net, m).weight.grad is not None])
            balancer.before_step()
            optimizer.step()
            optimizer.zero_grad()
    balancer.epoch_end()
    assert turns == [["a"], ["b"], ["a"], ["b"]]


# -- loops in which turns mean nothing --------------------------------------------------------


def test_a_loop_that_gives_every_batch_once_is_refused():
    net, balancer = made()
    inputs, labels = batch()
    balancer.loss(net(**inputs), labels).backward()
    with pytest.raises(BalanceError, match=r"every batch for 2 updates.*balancer\.repeat\(loader"):
        balancer.before_step()


def test_gradients_that_are_zero_in_the_place_of_none_are_refused():
    net, balancer = made()
    optimizer = sgd(net)
    batches = balancer.batches(Items(), batch_size=4)
    inputs, labels = next(batches)
    update(net, balancer, optimizer, inputs, labels, set_to_none=False)
    with pytest.raises(BalanceError, match=r"encoder of 'a' is not in turn.*set gradients to None"):
        update(net, balancer, optimizer, *next(batches))


def test_an_accumulation_that_it_was_not_told_of_is_refused():
    net, balancer = made()
    optimizer = sgd(net)
    for number, (inputs, labels) in enumerate(balancer.batches(Items(), batch_size=2), start=1):
        (balancer.loss(net(**inputs), labels) / 2).backward()
        if number % 2 == 0:
            balancer.before_step()
            optimizer.step()
            optimizer.zero_grad()
    with pytest.raises(BalanceError, match=r"6 updates in an epoch that had batches for 12"):
        balancer.epoch_end()


def test_a_loop_without_before_step_is_refused():
    net, balancer = made()
    optimizer = sgd(net)
    for inputs, labels in balancer.batches(Items(), batch_size=4):
        balancer.loss(net(**inputs), labels).backward()
        with pytest.raises(BalanceError, match=r"optimizer\.step\(\) ran before before_step\(\)"):
            balancer.attach(optimizer)
            optimizer.step()
        break


def test_an_epoch_that_is_cut_short_is_no_misuse():
    net, balancer = made()
    optimizer = sgd(net)
    for inputs, labels in islice(balancer.batches(Items(), batch_size=2), 3):
        update(net, balancer, optimizer, inputs, labels)
    balancer.epoch_end()


@pytest.mark.parametrize(
    ("unused", "static", "refused"),
    [(False, False, True), (True, True, True), (True, False, False)],
)
def test_ddp_that_waits_for_every_encoder_is_refused(monkeypatch, unused, static, refused):
    net, balancer = made()
    ddp = SimpleNamespace(find_unused_parameters=unused, static_graph=static)
    monkeypatch.setattr(DistributedDataParallel, "_active_ddp_module", ddp)
    inputs, labels = batch()
    if refused:
        with pytest.raises(
            BalanceError, match=r"DistributedDataParallel\(model, find_unused_param"
        ):
            net(**inputs)
    else:
        balancer.loss(net(**inputs), labels).backward()


# -- combined ---------------------------------------------------------------------------------


class Scaled(Method):
    """A gradient stage of its own."""

    def on_gradients(self, step):
        step.scale({m: torch.tensor(0.5) for m in step.modalities.names})


def test_turns_combine_with_a_method_of_another_stage_and_not_with_other_turns():
    method = Composition(Alternating(), Scaled())
    net, balancer = made(method)
    assert len(balancer.loader(Items(), batch_size=4)) == 6
    trained(net, balancer, balancer.batches(Items(), batch_size=4))
    with pytest.raises(BalanceError, match="both decide whose encoders learn"):
        Composition(Alternating(), Alternating())


def test_a_check_names_the_turns():
    _, balancer = made()
    inputs, labels = batch()
    assert "turns of encoders" in str(balancer.check((*inputs.values(), labels)))
