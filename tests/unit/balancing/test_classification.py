"""What a user's loss changes, and what methods read beside it: values by hand."""

import math
import re

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from equimodal import BalanceError, Classification

LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.5, 3.0], [0.0, 1.0, 0.0]])
LABELS = torch.tensor([0, 2, 1])
PADDED = torch.tensor([0, -100, 1])
WEIGHT = [1.0, 2.0, 0.5]
LOG = LOGITS.log_softmax(1)


def own(rows):
    """-log p of the true class of rows."""
    return [-float(LOG[i, LABELS[i]]) for i in rows]


def test_weights_are_of_the_true_class_and_the_mean_is_by_them():
    expected = sum(w * n for w, n in zip([1.0, 0.5, 2.0], own([0, 1, 2]), strict=True)) / 3.5
    kinds = (WEIGHT, np.array(WEIGHT), torch.tensor(WEIGHT), torch.tensor(WEIGHT).double())
    for weight in (*kinds, [np.float32(w) for w in WEIGHT]):
        found = Classification(weight=weight).loss(LOGITS, LABELS)
        assert float(found) == pytest.approx(expected)


def test_smoothing_mixes_in_the_mean_over_all_classes():
    expected = 0.7 * sum(own([0, 1, 2])) / 3 + 0.3 * float(-LOG.mean())
    assert float(Classification(label_smoothing=0.3).loss(LOGITS, LABELS)) == pytest.approx(
        expected
    )


def test_ignored_labels_count_nowhere():
    task = Classification(ignore_index=-100)
    task.check(LOGITS, PADDED)
    assert float(task.loss(LOGITS, PADDED)) == pytest.approx(sum(own([0, 2])) / 2)
    assert task.log_loss(LOGITS, PADDED).tolist() == pytest.approx([own([0])[0], 0, own([2])[0]])
    chances = LOG.exp()
    assert task.score(LOGITS, PADDED).tolist() == pytest.approx(
        [float(chances[0, 0]), 0, float(chances[2, 1])]
    )
    assert int(task.labels(LOGITS, PADDED)) == 2
    assert task.label_counts(PADDED, 3).tolist() == [1, 1, 0]
    expected = (float(chances[0, 0]) + float(chances[2, 1])) / 2
    assert float(task.mean_score(task.score_sums(LOGITS, PADDED)[None])) == pytest.approx(expected)


def never(logits, target):
    raise AssertionError("a criterion was asked where no label counts")


COUNTLESS = {
    "ignored": ({"ignore_index": -100}, -100, 3),
    "of one logit": ({"ignore_index": -100}, -100, 1),
    "smoothed": ({"ignore_index": -100, "label_smoothing": 0.1}, -100, 3),
    "with a first class of no weight": ({"ignore_index": -100, "weight": [0.0, 1, 1]}, -100, 3),
    "a class": ({"ignore_index": 0}, 0, 3),
    "the heaviest class": ({"ignore_index": 2, "weight": [0.1, 0.2, 0.9]}, 2, 3),
    "of no weight": ({"weight": [0.0, 1, 1]}, 0, 3),
    "of a criterion": ({"ignore_index": -100, "criterion": never}, -100, 3),
    "of a criterion and one logit": ({"ignore_index": -100, "criterion": never}, -100, 1),
}


@pytest.mark.parametrize("case", COUNTLESS)
def test_a_batch_in_which_no_label_counts_has_no_loss_and_no_gradient(case):
    options, label, columns = COUNTLESS[case]
    logits = LOGITS[:, :columns].clone().requires_grad_()
    loss = Classification(**options).loss(logits, torch.full((3,), label))
    loss.backward()
    assert loss.item() == 0 and torch.equal(logits.grad, torch.zeros_like(logits))


def test_labels_of_no_weight_and_ignored_ones_leave_the_mean_to_the_others():
    task = Classification(weight=[0.0, 1.0, 2.0], ignore_index=-100)
    assert float(task.loss(LOGITS, torch.tensor([0, 2, -100]))) == pytest.approx(own([1])[0])
    assert float(task.loss(LOGITS, torch.tensor([0, -100, -100]))) == 0


def test_soft_targets_are_read_by_their_mean():
    task, soft = Classification(), torch.tensor([[0.7, 0.3, 0], [0, 0, 1], [0.5, 0.5, 0]])
    task.check(LOGITS, soft)
    assert torch.equal(task.loss(LOGITS, soft), functional.cross_entropy(LOGITS, soft))
    torch.testing.assert_close(task.log_loss(LOGITS, soft), -(soft * LOG).sum(1))
    torch.testing.assert_close(task.score(LOGITS, soft), (soft * LOG.exp()).sum(1))
    torch.testing.assert_close(task.label_counts(soft, 3), torch.tensor([1.2, 0.8, 1.0]))
    certain = functional.one_hot(LABELS, 3).float()
    torch.testing.assert_close(task.log_loss(LOGITS, certain), task.log_loss(LOGITS, LABELS))
    torch.testing.assert_close(task.score(LOGITS, certain), task.score(LOGITS, LABELS))
    assert torch.equal(task.label_counts(certain, 3), task.label_counts(LABELS, 3))


@pytest.mark.parametrize("form", ["labels", "bools", "column", "numbers", "column of numbers"])
def test_one_logit_is_that_of_class_one_of_two(form):
    task, logits = Classification(), torch.tensor([[0.5], [-2.0], [1.0]])
    labels = torch.tensor([1, 0, 0])
    target = {
        "labels": labels, "bools": labels.bool(), "column": labels[:, None],
        "numbers": labels.float(), "column of numbers": labels[:, None].float(),
    }[form]  # fmt: skip
    target = task.prepared(target)
    task.check(logits, target)
    truth = [1 / (1 + math.exp(-z)) for z in (0.5, 2.0, -1.0)]
    plain = functional.binary_cross_entropy_with_logits(logits[:, 0], labels.float())
    assert torch.equal(task.loss(logits, target), plain)
    assert task.score(logits, target).tolist() == pytest.approx(truth)
    assert task.log_loss(logits, target).tolist() == pytest.approx([-math.log(p) for p in truth])
    assert task.label_counts(target, 1).tolist() == [2, 1]


def test_smoothing_and_soft_targets_of_one_logit():
    logits, labels = torch.tensor([[0.5], [-2.0]]), torch.tensor([1, 0])
    pairs = functional.pad(logits, (1, 0))
    found = Classification(label_smoothing=0.2).loss(logits, labels)
    torch.testing.assert_close(found, functional.cross_entropy(pairs, labels, label_smoothing=0.2))
    soft = torch.tensor([0.9, 0.4])
    both = torch.stack([1 - soft, soft], 1)
    torch.testing.assert_close(
        Classification().loss(logits, soft), functional.cross_entropy(pairs, both)
    )
    torch.testing.assert_close(Classification().label_counts(soft, 1), torch.tensor([0.7, 1.3]))
    kept = Classification(ignore_index=2)
    torch.testing.assert_close(
        kept.loss(logits, torch.tensor([1, 2])), functional.softplus(torch.tensor(-0.5))
    )
    both = functional.softplus(torch.tensor([-0.5, -2.0])).mean()
    three = torch.cat([logits, torch.ones(1, 1)])
    torch.testing.assert_close(kept.loss(three, torch.tensor([1, 0, 2])), both)


@pytest.mark.parametrize("options", [{}, {"ignore_index": -100}, {"label_smoothing": 0.1}])
def test_a_label_a_token_is_a_row_of_its_own(options):
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(4, 5, 3, generator=draw)
    labels = torch.randint(3, (4, 5), generator=draw)
    if "ignore_index" in options:
        labels[:, 3:] = -100
    task = Classification(**options)
    task.check(logits, labels)
    flat = logits.flatten(0, 1), labels.flatten()
    assert torch.equal(task.loss(logits, labels), functional.cross_entropy(*flat, **options))
    for read in (task.score, task.log_loss):
        assert torch.equal(read(logits, labels), read(*flat))
    assert int(task.labels(logits, labels)) == (12 if "ignore_index" in options else 20)
    assert torch.equal(task.label_counts(labels, 3), task.label_counts(flat[1], 3))
    assert task.form(logits, labels)[1] == {"classes", "purity"} and not task.form(*flat)[1]


def seen_by_criterion(logits, target, **options):
    """What a criterion is given, behind the task's preparation of the target."""
    seen = []

    def criterion(z, y):
        seen.append((tuple(z.shape), tuple(y.shape), y.dtype))
        return z.sum()

    task = Classification(criterion=criterion, **options)
    target = task.prepared(target)
    task.check(logits, target)
    task.loss(logits, target)
    return seen


SOFT = torch.full((3, 3), 1 / 3)
GIVEN = {
    "labels": (LOGITS, LABELS.int(), ((3, 3), (3,), torch.int64)),
    "ignored labels": (LOGITS, PADDED, ((3, 3), (3,), torch.int64)),
    "soft targets": (LOGITS, SOFT, ((3, 3), (3, 3), torch.float32)),
    "one logit": (LOGITS[:, :1], LABELS > 0, ((3, 1), (3,), torch.int64)),
    "one logit, a column": (
        LOGITS[:, :1], (LABELS[:, None] > 0).double(), ((3, 1), (3, 1), torch.float64),
    ),
    "tokens": (LOGITS[None], LABELS[None], ((1, 3, 3), (1, 3), torch.int64)),
    "soft targets of tokens": (LOGITS[None], SOFT[None], ((1, 3, 3), (1, 3, 3), torch.float32)),
}  # fmt: skip


@pytest.mark.parametrize("form", GIVEN)
def test_a_criterion_is_given_what_is_documented(form):
    logits, target, expected = GIVEN[form]
    options = {"ignore_index": -100, "tokens": logits.ndim == 3}
    assert seen_by_criterion(logits, target, **options) == [expected]


def test_a_criterion_of_one_logit_takes_a_column_of_floating_labels():
    truth = (LABELS > 0).float()[:, None]
    task = Classification(criterion=nn.BCEWithLogitsLoss(pos_weight=torch.tensor(3.0)))
    found = task.loss(LOGITS[:, :1], truth)
    z = LOGITS[:, 0]
    own = torch.where(truth[:, 0] > 0, 3 * functional.softplus(-z), functional.softplus(z))
    torch.testing.assert_close(found, own.mean())


def out_of_memory(logits, target):
    raise torch.OutOfMemoryError("no memory")


def flat(logits, target):
    return functional.cross_entropy(logits, target)


RAISED = {
    "one logit": (
        nn.BCEWithLogitsLoss(), LOGITS[:, :1], LABELS.clamp_max(1),
        [r"criterion BCEWithLogitsLoss raised ValueError: Target size", r"logits of shape \(3, 1\)",
         r"type torch.float32, and a target of shape \(3,\) and type torch.int64",
         r"target.float\(\).reshape\(output.shape\)"],
    ),
    "tokens": (
        flat, torch.zeros(1, 4, 3), torch.zeros(1, 4).long(),
        [r"criterion flat raised RuntimeError", r"logits.flatten\(0, 1\)"],
    ),
    "ignored labels": (
        lambda z, y: functional.cross_entropy(z, y, ignore_index=-1), LOGITS, PADDED,
        ["raised IndexError", "Labels of -100 are among them, which it must leave out itself"],
    ),
    "another number of arguments": (lambda z: z.sum(), LOGITS, LABELS, ["raised TypeError"]),
}  # fmt: skip


@pytest.mark.parametrize("case", RAISED)
def test_what_a_criterion_raises_is_told_with_what_it_was_given(case):
    criterion, logits, target, words = RAISED[case]
    with pytest.raises(BalanceError) as error:
        Classification(criterion=criterion, ignore_index=-100).loss(logits, target)
    assert error.value.__cause__ is not None
    for word in words:
        assert re.search(word, str(error.value)), (word, str(error.value))


@pytest.mark.parametrize("criterion", [nn.CrossEntropyLoss(), nn.NLLLoss()])
def test_a_criterion_whose_classes_are_second_takes_no_tokens_even_where_shapes_allow_it(criterion):
    task = Classification(criterion=criterion, tokens=True)
    with pytest.raises(
        BalanceError, match=r"reads the second axis as the classes.*\(1, 3, 3\).*0, 1"
    ):
        task.loss(LOGITS[None], LABELS[None])
    assert torch.equal(task.loss(LOGITS, LABELS), criterion(LOGITS, LABELS))


def test_a_criterion_without_memory_is_left_to_the_trainer():
    with pytest.raises(torch.OutOfMemoryError):
        Classification(criterion=out_of_memory).loss(LOGITS, LABELS)


@pytest.mark.parametrize("targets", ["numbers", "column of numbers", "one-hot"])
def test_purity_reads_floating_labels_that_are_certain(targets):
    labels = torch.tensor([0, 0, 1, 1, 1, 0])
    features = torch.tensor([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]])
    given = {
        "numbers": labels.float(), "column of numbers": labels[:, None].double(),
        "one-hot": functional.one_hot(labels).float(),
    }[targets]  # fmt: skip
    # Two clusters of three, each with two of one class.
    assert Classification().purity(features, given, 100) == pytest.approx(4 / 6)


def test_purity_leaves_ignored_labels_out():
    labels = torch.tensor([0, 0, 1, -100, 1, 1, 0, -100])
    features = torch.tensor([[0.0], [0.1], [0.2], [0.3], [5.0], [5.1], [5.2], [5.3]])
    assert Classification(ignore_index=-100).purity(features, labels, 100) == pytest.approx(4 / 6)
    assert Classification(ignore_index=-100).purity(features[3:4], labels[3:4], 100) is None


@pytest.mark.parametrize(
    "soft", [torch.tensor([0.0, 0.4, 1.0]), torch.tensor([[0.5, 0.5], [0, 1], [1, 0]]),
             torch.tensor([[1.0, 1.0], [0, 1], [1, 0]])],
)  # fmt: skip
def test_purity_refuses_targets_in_between(soft):
    with pytest.raises(BalanceError, match="one class a sample; found soft targets"):
        Classification().purity(torch.zeros(3, 1), soft, 100)


SQUARE = torch.zeros(2, 4, 4)


def test_as_many_tokens_as_classes_are_told_by_the_user_or_by_another_batch():
    labels = torch.zeros(2, 4).long()
    task = Classification()
    with pytest.raises(BalanceError, match=r"\(2, 4, 4\), of as many tokens as classes.*tokens=T"):
        task.check(SQUARE, labels)
    with pytest.raises(BalanceError, match="cannot be told apart"):
        task.check(SQUARE, torch.full_like(SQUARE, 0.25))
    task.check(SQUARE[:, :3], labels[:, :3])
    task.check(SQUARE, labels)
    with pytest.raises(BalanceError, match=r"\(2, 3, 3\), of as many"):
        task.check(SQUARE[:, :3, :3], labels[:, :3])
    Classification(tokens=True).check(SQUARE, labels)
    Classification().check(SQUARE[:, :1, :1], labels[:, :1])
    with pytest.raises(BalanceError, match=r"tokens=True\) takes outputs \(N, T, C\).*\(3, 3\)"):
        Classification(tokens=True).check(LOGITS, LABELS)


def test_a_criterion_is_the_loss_and_nothing_else():
    task = Classification(criterion=nn.MultiMarginLoss())
    assert torch.equal(task.loss(LOGITS, LABELS), nn.MultiMarginLoss()(LOGITS, LABELS))
    assert torch.equal(task.score(LOGITS, LABELS), Classification().score(LOGITS, LABELS))
    assert torch.equal(task.log_loss(LOGITS, LABELS), Classification().log_loss(LOGITS, LABELS))


CRITERIA = {
    "a loss a sample": (
        lambda z, y: functional.cross_entropy(z, y, reduction="none"),
        r"shape \(3,\)",
    ),
    "a number": (lambda z, y: functional.cross_entropy(z, y).item(), "found float"),
    "no gradient": (lambda z, y: functional.cross_entropy(z, y).detach(), "no gradient passes"),
}


@pytest.mark.parametrize("mistake", CRITERIA)
def test_what_a_criterion_must_be_is_told(mistake):
    criterion, words = CRITERIA[mistake]
    with pytest.raises(BalanceError, match=rf"criterion must return one loss, .*{words}.*mean"):
        Classification(criterion=criterion).loss(LOGITS.clone().requires_grad_(), LABELS)


ARGUMENTS = {
    "weight below 0": ({"weight": [1.0, -1.0]}, r"weight must hold .* >= 0 for each class.*-1"),
    "all weights 0": ({"weight": [0.0, 0.0]}, "not all of them 0"),
    "weight of another kind": ({"weight": {"a": 1}}, "weight must hold one number"),
    "weight of an axis more": ({"weight": torch.ones(2, 2)}, r"weight must.*\(2, 2\)"),
    "weight of complex numbers": ({"weight": torch.tensor([1j, 1])}, "weight must hold.*complex"),
    "weight of truth values": ({"weight": [True, False]}, "weight must hold.*True, False"),
    "weight of uneven lists": ({"weight": [[1.0], [1.0, 2.0]]}, "weight must hold"),
    "weight of the ignored class alone": (
        {"weight": [0.0, 1.0], "ignore_index": 1}, "> 0 for a class that ignore_index does not",
    ),
    "tokens that are no truth": ({"tokens": 3}, "tokens must be true or false; found 3"),
    "smoothing above 1": ({"label_smoothing": 1.5}, "label_smoothing must be a number.*1.5"),
    "ignored label of no label": ({"ignore_index": "pad"}, "ignore_index must be a whole number"),
    "criterion that is none": ({"criterion": "focal"}, r"function of \(logits, target\)"),
    "criterion not made": ({"criterion": nn.CrossEntropyLoss}, r"write CrossEntropyLoss\(\)"),
    "weight beside a criterion": (
        {"criterion": nn.CrossEntropyLoss(), "weight": WEIGHT}, "which criterion replaces",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", ARGUMENTS)
def test_arguments_out_of_range_are_refused(mistake):
    options, words = ARGUMENTS[mistake]
    with pytest.raises(BalanceError, match=words):
        Classification(**options)


TOKENS = torch.zeros(2, 4, 3)
TARGETS = {
    "weights of other classes": (
        Classification(weight=[1.0, 2.0]), LOGITS, LABELS, "holds 2 numbers, .* 3 outputs",
    ),
    "weights of one logit": (
        Classification(weight=[1.0, 2.0]), LOGITS[:, :1], LABELS.clamp_max(1),
        r"pos_weight.*floating labels of shape \(N, 1\)",
    ),
    "padding that is not told": (
        Classification(), LOGITS, PADDED, r"from -100 to 1\. .*ignore_index=-100",
    ),
    "rows that do not sum to one": (
        Classification(), LOGITS, torch.full((3, 3), 0.5), "sum 1 in every row.*sums from 1.5",
    ),
    "rows below zero": (
        Classification(), LOGITS, torch.tensor([[1.5, -0.5, 0]] * 3), "values from -0.5 to 1.5",
    ),
    "labels of two for one logit": (
        Classification(), LOGITS[:, :1], LABELS, "one logit, of class 1",
    ),
    "one logit without a column": (
        Classification(), LOGITS[:, 0], LABELS, r"column, \(N, 1\).*output\[:, None\]",
    ),
    "one label for tokens": (
        Classification(), TOKENS, torch.tensor([0, 1]), r"\(N, T\); found \(2, 4, 3\)",
    ),
    "classes in front": (
        Classification(), TOKENS.transpose(1, 2), torch.zeros(2, 4).long(),
        r"found \(2, 3, 4\).*let the model return \(N, T, C\), output.transpose\(1, 2\)",
    ),
    "classes in front of two axes": (
        Classification(), torch.zeros(2, 3, 4, 5), torch.zeros(2, 4, 5).long(),
        r"output.flatten\(2\).transpose\(1, 2\), and give target.flatten\(1\)",
    ),
    "floating labels that are ignored": (
        Classification(ignore_index=-100), LOGITS[:, :1], torch.tensor([1.0, -100, 0]),
        r"target.long\(\) where -100 marks labels that are ignored",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", TARGETS)
def test_targets_that_do_not_fit_are_refused(mistake):
    task, logits, target, words = TARGETS[mistake]
    with pytest.raises(BalanceError, match=words):
        task.check(logits, target)
