"""Steps of a graph that choose or move rows are told from those that do not."""

import pytest
import torch

from equimodal.parts.recording.graph import graph, moves_rows

ORDER = torch.tensor([3, 1, 0, 2])
AT = torch.tensor([4, 0, 2, 1])
MOVED = {
    "order": lambda x: x[ORDER],
    "order, all classes": lambda x: x[ORDER, :],
    "list": lambda x: x[[0, 1]],
    "mask": lambda x: x[torch.tensor([True, False, True, True])],
    "first": lambda x: x[:2],
    "last": lambda x: x[1:],
    "every second": lambda x: x[::2],
    "narrow": lambda x: x.narrow(0, 1, 2),
    "flip": lambda x: x.flip(0),
    "roll": lambda x: x.roll(1, 0),
    "roll of all": lambda x: x.roll(2),
    "index_select": lambda x: x.index_select(0, ORDER),
    "from the end": lambda x: x.index_select(-2, ORDER),
    "gather": lambda x: x.gather(0, ORDER[:, None].expand(4, 3)),
    "take_along_dim": lambda x: x.take_along_dim(ORDER[:, None], 0),
    "take": lambda x: x.take(torch.arange(12)),
    "sort": lambda x: x.sort(-2)[0],
    "topk": lambda x: x.topk(4, 0)[0],
    "split": lambda x: x.split(2)[0],
    "chunk": lambda x: x.chunk(2)[1],
    "unbind": lambda x: torch.stack(x.unbind(0)[::-1]),
    "cat": lambda x: torch.cat([x, x]),
    "masked_select": lambda x: x.masked_select(x > 0),
}
KEPT = {
    "all": lambda x: x[:],
    "all by number": lambda x: x[-4:100],
    "classes": lambda x: x[:, 1:],
    "classes by list": lambda x: x[:, [0, 2]],
    "a class of each": lambda x: x[torch.arange(4), AT % 3],
    "index_select of classes": lambda x: x.index_select(1, torch.tensor([0])),
    "gather of classes": lambda x: x.gather(-1, torch.zeros(4, 1, dtype=torch.long)),
    "flip of classes": lambda x: x.flip(1),
    "cat of classes": lambda x: torch.cat([x, x], 1),
    "mean of two": lambda x: torch.stack([x, x], 1).mean(1),
    "values": lambda x: torch.where(x > 0, x, 0 * x).log_softmax(1).half(),
}
STEPS = {
    "last step": lambda x: x[:, -1],
    "a step of each": lambda x: x[torch.arange(4), AT],
    "first step from the end": lambda x: x.index_select(-2, torch.tensor([0])).squeeze(1),
    "mean": lambda x: x.mean(1),
    "steps in reverse": lambda x: x.flip(1),
    "one list": lambda x: x.view(20, 3),
}


def moved(shape, step):
    start = torch.ones(shape, requires_grad=True) * 2
    nodes = graph([step(start)], until=lambda node: node is start.grad_fn or None)
    return any(moves_rows(node) for node in nodes)


@pytest.mark.parametrize("name", MOVED)
def test_moved_rows_are_seen(name):
    assert moved((4, 3), MOVED[name])


@pytest.mark.parametrize("name", KEPT)
def test_rows_that_stay_are_not(name):
    assert not moved((4, 3), KEPT[name])


@pytest.mark.parametrize("name", STEPS)
def test_steps_of_a_sample_are_no_rows(name):
    assert not moved((4, 5, 3), STEPS[name])
