import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contract.training import start
from equimodal import BalanceError
from equimodal.balancing.batches import (
    Stream,
    epoch_batches,
    shuffled,
    unpaired_rows,
    with_pairs,
)
from equimodal.balancing.epochs.rows import modality_rows, paired_rows, rows_of
from equimodal.data import MultimodalDataset
from equimodal.parts import distributed

FRESH = (0, 0)


class Items:
    """A data set of a user: items alone, no ``take``."""

    def __init__(self, count, width=2):
        self.count, self.width = count, width

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        item = {"a": torch.full((3,), float(index)), "b": torch.tensor([-float(index)])}
        return (item, index % 3, index)[: self.width]


def in_memory(count):
    rows = torch.arange(count, dtype=torch.float32)
    inputs = {"a": rows[:, None].expand(-1, 3), "b": -rows[:, None]}
    return MultimodalDataset(inputs, torch.arange(count) % 3)


@given(
    count=st.integers(1, 40), takes=st.lists(st.integers(1, 50), min_size=1, max_size=8)
)  # fmt: skip
def test_every_pass_of_a_stream_holds_every_index_once(count, takes):
    stream = Stream(count, seed=0, name="a", position=FRESH)
    seen = torch.cat([stream.take(n) for n in takes])
    assert len(seen) == sum(takes)
    for one_pass in seen.split(count):
        assert len(one_pass.unique()) == len(one_pass)
        assert one_pass.max() < count


def test_every_pass_of_a_stream_has_its_own_order():
    stream = Stream(30, seed=0, name="a", position=FRESH)
    first, second, third = (tuple(stream.take(30).tolist()) for _ in range(3))
    assert len({first, second, third}) == 3


@given(count=st.integers(1, 20), before=st.integers(1, 50), after=st.integers(1, 50))
def test_a_stream_continues_from_its_position(count, before, after):
    stream = Stream(count, seed=3, name="a", position=FRESH)
    stream.take(before)
    again = Stream(count, seed=3, name="a", position=stream.position)
    assert torch.equal(stream.take(after), again.take(after))


def test_streams_differ_by_seed_modality_and_pass_and_are_repeatable():
    orders = {
        (seed, name, turn): tuple(shuffled(50, seed=seed, stream=name, turn=turn).tolist())
        for seed in (0, 1) for name in ("a", "b") for turn in (0, 1)
    }  # fmt: skip
    assert len(set(orders.values())) == 8
    again = shuffled(50, seed=1, stream="b", turn=0)
    assert tuple(again.tolist()) == orders[1, "b", 0]


def test_drawing_leaves_the_global_stream_alone():
    before = torch.get_rng_state()
    Stream(10, seed=0, name="a", position=FRESH).take(25)
    assert torch.equal(torch.get_rng_state(), before)


def test_shards_of_two_ranks_are_the_two_halves_of_one_order(monkeypatch):
    whole = shuffled(11, seed=0, stream="a", turn=0)
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    shards = []
    for rank in (0, 1):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        shards.append(shuffled(11, seed=0, stream="a", turn=0))
    # Eleven samples for two ranks: the last is left out, so that both make the same steps.
    assert torch.equal(torch.stack(shards, 1).flatten(), whole[:10])


@pytest.mark.parametrize(("count", "ranks"), [(0, 1), (1, 2)])
def test_a_data_set_without_a_sample_for_each_process_is_refused(count, ranks, monkeypatch):
    monkeypatch.setattr(distributed, "world_size", lambda: ranks)
    with pytest.raises(BalanceError, match="holds no sample"):
        list(epoch_batches(Items(count), 2, seed=0, epoch=0))
    with pytest.raises(BalanceError, match="holds no sample"):
        Stream(count, seed=0, name="a", position=FRESH)


@pytest.mark.parametrize("dataset", [Items(7), Items(7, width=3), in_memory(7)])
def test_rows_are_the_same_from_items_and_from_a_data_set_in_memory(dataset):
    indices = torch.tensor([4, 0, 5])
    inputs, labels = paired_rows(dataset, indices)
    rows, own = modality_rows(dataset, "b", indices)
    assert inputs["a"].tolist() == [[4.0] * 3, [0.0] * 3, [5.0] * 3]
    assert inputs["b"].tolist() == rows.tolist() == [[-4.0], [-0.0], [-5.0]]
    assert labels.tolist() == own.tolist() == [1, 0, 2]


@pytest.mark.parametrize("item", [torch.zeros(3), (torch.zeros(3), 1), {"a": torch.zeros(3)}])
def test_items_of_another_form_are_refused(item):
    class Wrong(Items):
        def __getitem__(self, index):
            return item

    with pytest.raises(BalanceError, match=r"batches\(\) needs items .* found"):
        paired_rows(Wrong(3), torch.tensor([0]))


def test_an_epoch_holds_every_sample_once_and_the_last_batch_may_be_smaller():
    batches = list(epoch_batches(in_memory(10), 4, seed=0, epoch=3))
    assert [len(labels) for _, labels in batches] == [4, 4, 2]
    seen = torch.cat([inputs["a"][:, 0] for inputs, _ in batches])
    assert sorted(seen.tolist()) == list(map(float, range(10)))
    other = torch.cat([i["a"][:, 0] for i, _ in epoch_batches(in_memory(10), 4, seed=0, epoch=4)])
    assert not torch.equal(seen, other)


def test_unpaired_rows_come_in_the_numbers_asked_for_each_from_its_own_order():
    streams = {m: Stream(30, seed=0, name=m, position=FRESH) for m in "ab"}
    inputs, targets = unpaired_rows(in_memory(30), streams, {"a": 12, "b": 20})
    assert {m: len(x) for m, x in inputs.items()} == {"a": 12, "b": 20}
    for m, x in inputs.items():
        assert (x[:, 0].abs().long() % 3).tolist() == targets[m].tolist()
    assert inputs["a"][:, 0].tolist() != inputs["b"][:12, 0].abs().tolist()


def test_pairs_stand_in_front_of_the_unpaired_rows():
    pairs = in_memory(2).take(torch.tensor([1, 0]))
    own, labels = {"a": torch.zeros(1, 3), "b": torch.ones(3, 1)}, {m: torch.zeros(0) for m in "ab"}
    inputs, targets = with_pairs(pairs, own, labels)
    assert inputs["a"][:, 0].tolist() == [1.0, 0.0, 0.0]
    assert inputs["b"][:, 0].tolist() == [-1.0, 0.0, 1.0, 1.0, 1.0]
    assert targets["a"].tolist() == targets["b"].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"dataset": None}, "The data set must have a length and items; found None"),
        ({"dataset": 3}, "The data set must have a length and items; found 3"),
        ({"start": "x"}, "start must be a whole number >= 0; found 'x'"),
        ({"start": -1}, "start must be a whole number >= 0; found -1"),
    ],
)
def test_what_no_batch_can_be_drawn_from_is_refused(given, words):
    training = start("dus")
    arguments = {"dataset": training.data, "batch_size": 2} | given
    with pytest.raises(BalanceError, match=words):
        next(training.balancer.batches(**arguments))


def test_a_stream_of_a_modality_is_over_the_rows_that_have_it():
    class Lacking:
        """Six samples, of which three have "b"."""

        def __len__(self):
            return 6

        def modality_len(self, modality):
            return {"a": 6, "b": 3}[modality]

    assert [rows_of(Lacking(), m) for m in ("a", "b")] == [6, 3]
    assert rows_of([1, 2], "a") == 2
