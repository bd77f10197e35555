"""Items that a method lists for an epoch: the rows of its batches, and what of each counts."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from contract import fusions
from contract.training import assert_same_weights
from equimodal import BalanceError, Balancer, Block, LinearSplit, Method
from equimodal.balancing.epochs.blocks import batches_of

ENCODERS = {"audio": "audio_net", "video": "video_net"}


class Listing(Method):
    """Lists what ``plan`` makes of the start of an epoch."""

    lists_items = True
    needs = frozenset({"features", "unimodal_logits"})

    def __init__(self, plan):
        super().__init__()
        self.plan, self.starts = plan, []

    def on_epoch_start(self, epoch):
        self.starts.append(epoch.epoch_index)
        return self.plan(epoch)


def dataset(rows=24):
    audio, video, labels = fusions.batch(rows)
    return fusions.Rows(audio=audio, video=video, labels=labels)


def made(plan, *, model=None, **options):
    model = model or fusions.built(fusions.Concatenation)
    method = plan if isinstance(plan, Method) else Listing(plan)
    return model, Balancer(model, method, ENCODERS, LinearSplit("fc"), **options)


def only(count, *names):
    """(count, 2) bool: the named modalities of every row."""
    return torch.tensor([m in names for m in ENCODERS]).expand(count, -1)


def parted(_):
    """The first half of the rows with sound alone, then the second half with pictures alone."""
    return [
        Block(torch.arange(12), only(12, "audio")), Block(torch.arange(12, 24), only(12, "video"))
    ]  # fmt: skip


def train(model, balancer, epochs, *, batch_size=5, data=None, until=None):
    """Plain descent; the labels of each epoch's batches."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    seen = []
    for _ in range(epochs):
        seen.append([])
        for number, (inputs, labels) in enumerate(
            balancer.batches(data or dataset(), batch_size=batch_size), start=1
        ):
            balancer.loss(model(**inputs), labels).backward()
            balancer.before_step()
            optimizer.step()
            optimizer.zero_grad()
            seen[-1].append(inputs["audio"][:, 0])
            if number == until:
                return seen
        balancer.epoch_end()
    return seen


def test_no_batch_crosses_a_block_and_every_item_comes_once():
    found = batches_of(parted(None), 5, seed=0, epoch=0)
    assert [len(index) for index, _ in found] == [5, 5, 2, 5, 5, 2]
    for k, half in enumerate((found[:3], found[3:])):
        rows = torch.cat([index for index, _ in half])
        assert sorted(rows.tolist()) == list(range(12 * k, 12 * k + 12))
        assert rows.tolist() != sorted(rows.tolist())
        assert all(kept.tolist() == only(len(kept), list(ENCODERS)[k]).tolist() for _, kept in half)


def test_what_is_kept_goes_with_its_row():
    kept = torch.arange(20)[:, None] % 2 == torch.arange(2)
    for index, here in batches_of([Block(torch.arange(20), kept)], 6, seed=0, epoch=0):
        assert torch.equal(here, kept[index])


def test_a_block_that_is_not_shuffled_keeps_its_order():
    found = batches_of([Block(torch.tensor([3, 1, 1, 0]), shuffle=False)], 3, seed=0, epoch=5)
    assert [index.tolist() for index, _ in found] == [[3, 1, 1], [0]]
    assert [kept for _, kept in found] == [None, None]


@pytest.mark.parametrize(("items", "wanted", "times"), [(9, 2, None), (4, 7, 3), (6, 3, 1)])
def test_nominal_steps_are_as_many_as_are_wanted(items, wanted, times):
    block = Block(torch.arange(items))
    found = batches_of([block], 2, seed=1, epoch=0, wanted=wanted)
    assert len(found) == wanted
    counts = torch.bincount(torch.cat([index for index, _ in found]), minlength=items)
    if times is None:
        assert counts.max() == 1  # drawn without replacement
    else:
        assert counts.min() >= times and counts.max() <= times + 1


def test_items_that_come_again_come_in_another_order():
    found = batches_of([Block(torch.arange(20))], 20, seed=0, epoch=0, wanted=2)
    assert found[0][0].tolist() != found[1][0].tolist()
    (later, _), *_ = batches_of([Block(torch.arange(20))], 20, seed=0, epoch=1)
    assert found[0][0].tolist() != later.tolist()


def test_a_last_batch_that_is_too_small_joins_the_one_before():
    found = batches_of(
        [Block(torch.arange(5)), Block(torch.arange(1))], 2, seed=0, epoch=0, least=2
    )
    assert [len(index) for index, _ in found] == [2, 3]
    assert [len(i) for i, _ in batches_of([Block(torch.arange(5))], 2, seed=0, epoch=0)] == [
        2,
        2,
        1,
    ]


def test_where_the_model_normalises_no_batch_has_one_row():
    class Normalised(fusions.Concatenation):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(12)

        def fuse(self, a, v):
            return self.fc(self.norm(torch.cat([a, v], 1)))

    model = fusions.built(Normalised)
    rows = [Block(torch.arange(21))]
    balancer = Balancer(model, Listing(lambda _: rows), ENCODERS, LinearSplit("fc"))
    assert [len(y) for _, y in balancer.batches(dataset(), batch_size=5)] == [5, 5, 5, 6]


@pytest.mark.parametrize("epoch", [0, 1])
def test_without_a_list_an_epoch_is_a_plain_one_to_the_bit(epoch):
    results = []
    for method in (Method(), Listing(lambda _: None)):
        model, balancer = made(method, seed=3)
        train(model, balancer, epoch + 1)
        results.append(dict(model.named_parameters()))
    assert_same_weights(*results)


def test_rows_that_are_not_kept_train_neither_their_encoder_nor_their_part_of_the_head():
    model, balancer = made(parted)
    kinds = []
    for inputs, labels in balancer.batches(dataset(), batch_size=6):
        loss = balancer.loss(model(**inputs), labels)
        model.zero_grad()
        loss.backward()
        balancer.before_step()
        grads = [model.audio_net[0].weight.grad, model.video_net[0].weight.grad]
        head = model.fc.weight.grad
        kinds.append([bool(g.any()) for g in (*grads, head[:, :6], head[:, 6:])])
        assert model.fc.bias.grad.any() and not any(g is None for g in grads)
    assert kinds == [[True, False, True, False]] * 2 + [[False, True, False, True]] * 2


def test_the_loss_is_that_of_zeroed_features_and_own_losses_are_of_kept_rows():
    kept = torch.tensor([[True, True], [True, False], [False, True]])
    plan = [Block(torch.tensor([2, 7, 7]), kept, shuffle=False)]
    model, balancer = made(lambda _: plan, objective="fused+unimodal")
    ((inputs, labels),) = balancer.batches(dataset(), batch_size=3)
    loss = balancer.loss(model(**inputs), labels)

    weight, bias = model.fc.weight, model.fc.bias
    a, v = model.audio_net(inputs["audio"].clone()), model.video_net(inputs["video"].clone())
    a, v = a * kept[:, :1], v * kept[:, 1:]
    own = [a @ weight[:, :6].T + bias / 2, v @ weight[:, 6:].T + bias / 2]
    expected = nn.functional.cross_entropy(own[0] + own[1], labels)
    for z, rows in zip(own, kept.T, strict=True):
        expected = expected + nn.functional.cross_entropy(z[rows], labels[rows])
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-12)


def test_an_evaluation_within_the_epoch_sees_whole_rows():
    model, balancer = made(parted)
    inputs, labels = next(iter(balancer.batches(dataset(), batch_size=6)))
    model.eval()
    with torch.no_grad():
        whole = model(**inputs)
        assert torch.equal(balancer.loss(whole, labels), nn.functional.cross_entropy(whole, labels))
    model.train()
    assert not torch.equal(model(**inputs), whole)


def test_a_loader_is_as_long_as_its_epoch():
    plans = [[Block(torch.arange(24))], [Block(torch.arange(3))], parted(None)]
    _model, balancer = made(lambda epoch: plans[epoch.epoch_index])
    loader = balancer.loader(dataset(), batch_size=5)
    lengths = []
    for _ in range(3):
        lengths.append(len(loader))
        assert len(list(loader)) == lengths[-1]
        balancer.epoch_end()
    assert lengths == [5, 1, 6]
    assert balancer.setting.method.starts == [0, 1, 2]


def test_nominal_steps_are_those_of_a_plain_epoch():
    _model, balancer = made(lambda _: [Block(torch.arange(24).repeat(3))], steps="nominal")
    loader = balancer.loader(dataset(), batch_size=5)
    assert len(loader) == 5 and balancer.setting.method.starts == []
    assert len(list(loader)) == 5 and balancer.setting.method.starts == [0]


@pytest.mark.parametrize("stop", [0, 1, 4])
def test_a_training_that_is_stopped_within_an_epoch_goes_on_to_the_same_bits(stop):
    def plan(epoch):  # of the weights, so that it cannot be made anew after a restart
        score = epoch.modalities.model.fc.weight.detach().abs().sum()
        again = torch.arange(24).roll(int(score * 1e6) % 24)
        return [Block(again[:13], only(13, "audio")), Block(again)]

    whole, balancer = made(plan)
    train(whole, balancer, 2)

    first, one = made(plan)
    train(first, one, 1)
    loader = one.loader(dataset(), batch_size=5)
    optimizer = torch.optim.SGD(first.parameters(), lr=0.1)
    if stop:
        step_through(first, one, optimizer, loader, stop)
    saved = [first.state_dict(), one.state_dict(), loader.state_dict()]
    second, other = made(plan, model=fusions.built(fusions.Concatenation))
    second.load_state_dict(saved[0])
    other.load_state_dict(saved[1])
    loader = other.loader(dataset(), batch_size=5)
    loader.load_state_dict(saved[2])
    step_through(second, other, torch.optim.SGD(second.parameters(), lr=0.1), loader, None)
    assert_same_weights(dict(second.named_parameters()), dict(whole.named_parameters()))


def step_through(model, balancer, optimizer, loader, count):
    for number, (inputs, labels) in enumerate(loader, start=1):
        balancer.loss(model(**inputs), labels).backward()
        balancer.before_step()
        optimizer.step()
        optimizer.zero_grad()
        if number == count:
            return
    balancer.epoch_end()


def test_a_host_that_skips_what_was_trained_before_a_restart_meets_the_right_rows():
    whole, balancer = made(parted)
    train(whole, balancer, 1)
    first, one = made(parted)
    train(first, one, 1, until=4)
    second, other = made(parted)
    second.load_state_dict(first.state_dict())
    other.load_state_dict(one.state_dict())
    optimizer = torch.optim.SGD(second.parameters(), lr=0.1)
    for number, (inputs, labels) in enumerate(other.batches(dataset(), batch_size=5)):
        if number < 4:
            continue
        other.loss(second(**inputs), labels).backward()
        other.before_step()
        optimizer.step()
        optimizer.zero_grad()
    assert_same_weights(dict(second.named_parameters()), dict(whole.named_parameters()))


def test_batches_that_are_fetched_ahead_meet_their_own_rows():
    model, balancer = made(parted)
    ahead = list(balancer.batches(dataset(), batch_size=6))
    for (inputs, labels), side in zip(ahead, "aavv", strict=True):
        loss = balancer.loss(model(**inputs), labels)
        model.zero_grad()
        loss.backward()
        balancer.before_step()
        assert bool(model.audio_net[0].weight.grad.any()) == (side == "a")


# -- what is refused ----------------------------------------------------------------------------


def test_a_loop_of_its_own_batches_is_refused_by_name():
    model, balancer = made(lambda _: None)
    audio, video, labels = fusions.batch()
    with pytest.raises(BalanceError, match=r"Listing lists the rows.*balancer\.batches\(.*loader"):
        balancer.loss(model(audio, video), labels)
    assert balancer.setting.method.starts == []


def test_batches_in_another_order_are_refused():
    model, balancer = made(parted)
    first, second, *_ = balancer.batches(dataset(), batch_size=6)
    assert not torch.equal(first[1], second[1])
    with pytest.raises(BalanceError, match="not those of the batch that the balancer handed out"):
        balancer.loss(model(**second[0]), second[1])


def test_where_labels_lie_on_a_device_batches_in_another_order_are_told_at_the_epochs_end(
    monkeypatch,
):
    monkeypatch.setattr("equimodal.balancing.epochs.items.on_host", lambda _: False)
    model, balancer = made(lambda _: [Block(torch.arange(24))])
    for swapped in (False, True):
        given = list(balancer.batches(dataset(), batch_size=12))
        for inputs, labels in reversed(given) if swapped else given:
            balancer.loss(model(**inputs), labels).backward()
            balancer.before_step()
        if not swapped:
            balancer.epoch_end()
    with pytest.raises(BalanceError, match="not those of the batch"):
        balancer.epoch_end()


def test_a_batch_of_other_rows_is_refused():
    model, balancer = made(parted)
    inputs, _labels = next(iter(balancer.batches(dataset(), batch_size=6)))
    with pytest.raises(BalanceError, match="has 6 rows, and the encoder of 'audio' gave 4"):
        model(**{m: x[:4] for m, x in inputs.items()})


def test_a_model_in_evaluation_mode_leaves_nothing_out_and_is_refused():
    model, balancer = made(parted)
    model.eval()
    inputs, labels = next(iter(balancer.batches(dataset(), batch_size=6)))
    with pytest.raises(BalanceError, match="left out none, or those of another: call model"):
        balancer.loss(model(**inputs), labels)


@pytest.mark.parametrize("last", [["audio"], ["audio", "video"]])
def test_two_passes_before_their_losses_are_refused(last):
    plan = [
        Block(torch.arange(6), only(6, "audio")), Block(torch.arange(6, 24), only(18, *last))
    ]  # fmt: skip
    model, balancer = made(lambda _: plan)
    data = fusions.Rows(**{**dataset().tensors, "labels": torch.zeros(24, dtype=torch.int64)})
    first, second, *_ = balancer.batches(data, batch_size=6)
    outputs = [model(**inputs) for inputs, _ in (first, second)]
    balancer.loss(outputs[0], first[1])
    with pytest.raises(BalanceError, match="in the order of the batches"):
        balancer.loss(outputs[1], second[1])


def by_row(split="train"):
    """A plan that has read the rows of the train loader."""

    def plan(epoch):
        epoch.by_row(split, lambda step: step.logits)
        return [Block(torch.arange(24))]

    return plan


def forward(model, batch):
    inputs, labels = batch
    return model(**inputs), labels


@pytest.mark.parametrize(
    "loader",
    [
        lambda rows: DataLoader(rows, batch_size=7, shuffle=True, generator=torch.Generator()),
        lambda rows: DataLoader(rows, batch_size=7, drop_last=True),
    ],
    ids=["shuffled", "shorter"],
)
def test_a_train_loader_in_another_order_is_refused(loader):
    _model, balancer = made(by_row(), loaders={"train": loader(dataset())}, forward=forward)
    with pytest.raises(BalanceError, match=r"rows of the data set of batches\(\).*shuffle=False"):
        next(balancer.batches(dataset(), batch_size=24))


def test_rows_are_read_in_order_in_evaluation_mode_and_leave_no_trace():
    model = fusions.built(fusions.Between)
    found = {}

    def plan(epoch):
        found["rows"], found["labels"] = epoch.by_row("train", lambda s: s.logits), epoch.labels
        return [Block(torch.arange(24))]

    loader = DataLoader(dataset(), batch_size=7)
    _, balancer = made(plan, model=model, loaders={"train": loader}, forward=forward)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    next(balancer.batches(dataset(), batch_size=24))
    assert torch.equal(torch.get_rng_state(), state) and model.training
    audio, video, labels = fusions.batch()
    model.eval()
    torch.testing.assert_close(found["rows"], model(audio, video).detach(), rtol=0, atol=1e-12)
    assert torch.equal(found["labels"].long(), labels)


WRONG = {
    "rows that are not there": (Block(torch.tensor([0, 24])), "rows from 0 to 24.*has 24"),
    "negative rows": (Block(torch.tensor([-1, 3])), "rows from -1 to 3"),
    "no whole numbers": (Block(torch.tensor([0.0])), r"\(L,\) int64.*float32"),
    "two axes": (Block(torch.zeros(2, 2, dtype=torch.int64)), r"\(L,\) int64.*\(2, 2\)"),
    "kept of other items": (Block(torch.arange(3), only(2, "audio")), r"kept.*\(3, 2\) bool"),
    "kept that is no bool": (Block(torch.arange(3), torch.ones(3, 2)), r"found.*float32"),
    "nothing kept": (Block(torch.arange(3), only(3)), "keeps no modality"),
    "nothing listed": (Block(torch.arange(0)), "make no batch.*found 0"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_blocks_that_cannot_be_are_refused(mistake):
    block, words = WRONG[mistake]
    _, balancer = made(lambda _: [block])
    with pytest.raises(BalanceError, match=words):
        next(balancer.batches(dataset(), batch_size=6))


def test_items_that_keep_some_modalities_must_be_declared():
    method = Listing(parted)
    method.needs = frozenset()
    _, balancer = made(method)
    with pytest.raises(BalanceError, match=r"must declare needs = \{'features'\}"):
        next(balancer.batches(dataset(), batch_size=6))


def test_steps_are_expanded_or_nominal():
    with pytest.raises(BalanceError, match="steps must be one of expanded, nominal"):
        made(parted, steps="equal")


@pytest.mark.parametrize(
    "items",
    [
        None,
        {"steps": "nominal", "blocks": None, "taken": 0},
        {"steps": "expanded", "blocks": [1], "taken": 0},
        {"steps": "expanded", "blocks": None},
        {"steps": "expanded", "blocks": None, "taken": -1},
    ],
)
def test_items_of_another_kind_of_steps_or_damaged_are_refused(items):
    _, balancer = made(parted)
    state = balancer.state_dict() | {"items": items}
    with pytest.raises(BalanceError, match="damaged: its items"):
        balancer.load_state_dict(state)


def test_a_check_names_the_stage_and_hands_nothing_out():
    audio, video, labels = fusions.batch()
    _, balancer = made(parted, forward=forward)
    found = balancer.check(({"audio": audio, "video": video}, labels))
    assert found.stages == ("rows of an epoch",) and found.problems == ()
    assert balancer.setting.method.starts == []


def test_a_method_without_a_list_saves_none():
    assert "items" not in made(Method())[1].state_dict()
