"""Two tasks of one model: a balancer's loss for each, summed with weights."""

import re

import pytest
import torch
from torch.nn import functional

from contract.models import CLASSES, WIDTH, TwoTasks
from contract.training import assert_same_weights, hold_all, quick, sgd, taught_by
from equimodal import (
    Ablation,
    AuxiliaryHeads,
    BalanceError,
    Balancer,
    Classification,
    InputAblation,
    LinearSplit,
    MultiLabel,
    Regression,
    Tasks,
    methods,
)  # fmt: skip
from equimodal.numerics.explained import cluster_explained
from equimodal.numerics.purity import cluster_purity, feature_clusters
from products import by_class

ENCODERS = {m: f"encoders.{m}" for m in "ab"}
WEIGHT = 0.25


def tasks(**options):
    return Tasks(
        {"kind": Classification(), "size": Regression()}, weights={"size": WEIGHT}, **options
    )


def readouts():
    return {"kind": LinearSplit("kind"), "size": Ablation("mean")}


def rows(seed=0, count=24):
    """Two modalities and the targets of both tasks."""
    draw = torch.Generator().manual_seed(seed)
    a, b = (torch.randn(count, 7, generator=draw, dtype=torch.float64) for _ in range(2))
    kind = (a[:, 0] > 0).long() + (b[:, 0] > 0).long()
    return a, b, {"kind": kind, "size": torch.stack([a[:, 1], 1980 + b[:, 1]], 1)}


class Rows(torch.utils.data.Dataset):
    """The same, item by item."""

    def __init__(self):
        self.a, self.b, self.target = rows(count=48)

    def __len__(self):
        return len(self.a)

    def __getitem__(self, i):
        return {"a": self.a[i], "b": self.b[i]}, {t: y[i] for t, y in self.target.items()}


def net():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return TwoTasks().double()


def made(name, readout=None, *, settings=None, **options):
    model, data = net(), [rows()]
    given = quick(name) if settings is None else settings
    options = {"task": tasks(), "epochs": 2, **options}
    balancer = Balancer(
        model, methods.create(name, **given), ENCODERS, readout or readouts(),
        loaders={"train": data, "val": [rows(1)]},
        **taught_by(name, net(), ENCODERS, settings=settings), **options,
    )  # fmt: skip
    return model, balancer


def trained(model, loss_of, before_step, updates=30):
    optimizer, losses = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.5), []
    if hasattr(loss_of, "__self__"):
        hold_all(optimizer, loss_of.__self__)
        loss_of.__self__.attach(optimizer)
    for seed in range(updates):
        a, b, target = rows(seed % 2)
        target["size"][:, 1] -= 1980
        loss = loss_of(model(a, b), target)
        loss.backward()
        before_step()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    return losses


def plain(output, target):
    kind = functional.cross_entropy(output["kind"], target["kind"])
    return kind + WEIGHT * functional.mse_loss(output["size"], target["size"])


def test_joint_is_the_plain_loop_bit_for_bit():
    expected = net()
    trained(expected, plain, lambda: None)
    model, balancer = made("joint")
    trained(model, balancer.loss, balancer.before_step)
    assert_same_weights(dict(model.named_parameters()), dict(expected.named_parameters()))


def test_joint_has_the_plain_gradients_to_the_bit_in_single_precision():
    draw = torch.Generator().manual_seed(0)
    features = torch.randn(12, 32, generator=draw)
    weights = torch.randn(6, 32, generator=draw)
    labels, numbers = torch.arange(12) % 5, torch.randn(12, 1, generator=draw)

    def gradients(of):
        x, w = (v.clone().requires_grad_() for v in (features, weights))
        return torch.autograd.grad(of({"kind": x @ w[:5].T, "size": x @ w[5:].T}), [x, w])

    def through_tasks(output):
        task = tasks()
        target = task.packed({"kind": labels, "size": numbers})
        return task.loss(task.outputs.joined(output), target)

    found = gradients(through_tasks)
    expected = gradients(lambda output: plain(output, {"kind": labels, "size": numbers}))
    assert all(map(torch.equal, found, expected))


@pytest.mark.parametrize("readout", [readouts, lambda: Ablation("mean")], ids=["each", "one"])
@pytest.mark.parametrize("name", by_class())
def test_every_method_trains_both_tasks_or_says_why_not(name, readout):
    if reason := methods.create(name, **quick(name)).unsuited(tasks()):
        with pytest.raises(BalanceError, match=re.escape(reason)):
            made(name, readout())
        return
    model, balancer = made(name, readout())
    losses = trained(model, balancer.loss, balancer.before_step, 60)
    balancer.epoch_end()
    assert sum(losses[-5:]) < 0.92 * sum(losses[:5])


@pytest.mark.parametrize("plug_in", [False, True])
def test_rows_of_their_own_are_drawn_for_both_tasks(plug_in):
    readout = {"kind": Ablation("mean"), "size": Ablation("mean")}
    model, balancer = made("dus", readout, settings={"plug_in": plug_in, "warm_up": 0})
    optimizer = sgd(model.parameters())
    for inputs, target in balancer.batches(Rows(), batch_size=8):
        assert set(target) == {"a", "b"} and set(target["a"]) == {"kind", "size"}
        if plug_in:
            with pytest.raises(BalanceError, match="needs a readout whose parts sum"):
                balancer.loss(model(**inputs), target)
            return
        balancer.loss(model(**inputs), target).backward()
        balancer.before_step()
        optimizer.step()
        optimizer.zero_grad()
    balancer.epoch_end()


def parts_of(model, a, b):
    """Features, and what each modality alone says of both tasks."""
    with torch.no_grad():
        z = [model.encoders["a"](a), model.encoders["b"](b)]
        means = [f.mean(0, keepdim=True).expand_as(f) for f in z]
        joined = [torch.cat([z[0], means[1]], 1), torch.cat([means[0], z[1]], 1)]
        size = [model.size(torch.tanh(model.between(j))) for j in joined]
        weight, bias = model.kind.weight, model.kind.bias
        blocks = [weight[:, :WIDTH], weight[:, WIDTH:]]
        kind = [f @ w.T + bias / 2 for f, w in zip(z, blocks, strict=True)]
    return z, kind, size


def recorded(balancer, model, batch):
    a, b, target = batch
    balancer.loss(model(a, b), target).backward()
    balancer.before_step()
    balancer.epoch_end()
    return {r["name"]: r["values"] for r in balancer.decisions.drain()}


def test_significance_is_the_weighted_sum_of_the_tasks_information():
    model, balancer = made("amss", settings={})
    a, b, target = rows()
    z, kind, size = parts_of(model, a, b)
    found = recorded(balancer, model, rows())["significance"]

    shares = target["kind"].bincount(minlength=CLASSES) / len(a)
    entropy = torch.special.entr(shares).sum()
    spread = target["size"].var(0, correction=0)
    for k, m in enumerate("ab"):
        information = entropy - functional.cross_entropy(kind[k], target["kind"])
        error = (size[k] - target["size"]).square().mean(0)
        information = information + WEIGHT * 0.5 * (spread / error).log().sum()
        expected = information / torch.special.entr(z[k].softmax(1)).sum(1).mean()
        assert found[m] == pytest.approx(float(expected), rel=1e-5)


def test_the_score_is_the_weighted_mean_of_the_tasks_scores():
    model, balancer = made("dus", settings={})
    a, b, target = rows()
    _, kind, size = parts_of(model, a, b)
    found = recorded(balancer, model, rows())["score"]

    for k, m in enumerate("ab"):
        chance = kind[k].softmax(1).gather(1, target["kind"][:, None]).mean()
        error = (size[k] - target["size"]).square().mean(0)
        share = (1 - error / target["size"].var(0)).clamp(0, 1).mean()
        assert found[m] == pytest.approx(float((chance + WEIGHT * share) / (1 + WEIGHT)), rel=1e-6)


def test_purity_is_the_weighted_mean_of_the_tasks_purities():
    model, balancer = made("relearn", settings={"at": [0.5]})
    a, _, target = rows()
    z = model.encoders["a"](a).detach()
    found = recorded(balancer, model, rows())["train_purity"]["a"]

    own = cluster_purity(target["kind"], feature_clusters(z, CLASSES))
    other = cluster_explained(target["size"], feature_clusters(z, 10))
    assert found == pytest.approx((own + WEIGHT * other) / (1 + WEIGHT))


def test_logits_have_other_names_where_the_task_says_so():
    task = Tasks({"k": Classification(), "s": Regression()}, logits={"k": "kind", "s": "size"})
    readout = {"k": LinearSplit("kind"), "s": Ablation("mean")}
    model, balancer = made("joint+unimodal", readout, task=task)
    a, b, target = rows()
    named = {"k": target["kind"], "s": target["size"]}
    assert balancer.check((a, b, named)).problems == ()
    loss = balancer.loss(model(a, b), named)
    with torch.no_grad():
        assert float(balancer.loss(model(a, b), named)) < float(loss.detach())
    with pytest.raises(BalanceError, match=r"Tasks\(\.\.\., logits={task: name}\)"):
        balancer.loss(model(a, b), named, logits="kind")


MADE = {
    "one readout of one head": ({"readout": LinearSplit("kind")}, "one for each, readout={'kind'"),
    "a readout too few": ({"readout": {"kind": LinearSplit("kind")}}, r"of the tasks \['kind"),
    "probes": (
        {"readout": {"kind": AuxiliaryHeads({"a": 6, "b": 6}, 3), "size": Ablation()}},
        "serve one task",
    ),
    "readouts without tasks": ({"task": Classification()}, "mapping of readouts belongs"),
    "numbers of a head that sums": (
        {"readout": {"kind": LinearSplit("kind"), "size": LinearSplit("size")}},
        r"the parts of LinearSplit\('size'\), the readout of the task 'size', sum to it",
    ),
    "inputs that carry no gradient": (
        {"readout": {"kind": InputAblation(lambda m, *a: (a, {})), "size": Ablation()}},
        "through InputAblation, the readout of the task 'kind',; pass",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MADE)
def test_readouts_that_do_not_fit_the_tasks_are_refused(mistake):
    options, words = MADE[mistake]
    with pytest.raises(BalanceError, match=words):
        made("joint+unimodal", **options)


TASKS = {
    "one task": ({"kind": Classification()}, {}, "two or more tasks by name"),
    "no task": ({"kind": "classes", "size": Regression()}, {}, "two or more tasks by name"),
    "weight of none": ({"a": Regression(), "b": Regression()}, {"weights": {"c": 1}}, "task.*'c'"),
    "weights without names": (
        {"a": Regression(), "b": Regression()},
        {"weights": [1, 2]},
        "Tasks weights must be a map",
    ),
    "logits of no name": (
        {"a": Regression(), "b": Regression()},
        {"logits": {"b": torch.zeros(9)}},
        r"logits={'b': \.\.\.}\) takes the name or the position.*found Tensor of shape",
    ),
    "weight of 0": ({"a": Regression(), "b": Regression()}, {"weights": {"b": 0}}, "weight of 'b'"),
}


@pytest.mark.parametrize("mistake", TASKS)
def test_tasks_that_are_none_are_refused(mistake):
    named, options, words = TASKS[mistake]
    with pytest.raises(BalanceError, match=words):
        Tasks(named, **options)


def test_targets_that_do_not_fit_name_their_task():
    model, balancer = made("joint")
    a, b, target = rows()
    with pytest.raises(BalanceError, match=r"a mapping with \['kind', 'size'\]; found .*'kind'"):
        balancer.loss(model(a, b), {"kind": target["kind"]})
    with pytest.raises(BalanceError, match=r"mapping with \['kind', 'size'\]; found 'Tensor'"):
        balancer.loss(model(a, b), target["kind"])
    with pytest.raises(BalanceError, match=r"found \['kind', 'size', 'id'\]. Leave out \['id'\]"):
        balancer.loss(model(a, b), target | {"id": target["kind"]})
    with pytest.raises(BalanceError, match=r"found \['kind', 'x'\]. Add \['size'\]. Leave out"):
        balancer.loss(model(a, b), {"kind": target["kind"], "x": target["size"]})
    with pytest.raises(BalanceError, match=r"mapping with \['kind', 'size'\]; found 'list'"):
        balancer.loss(model(a, b), [target["kind"], target["size"]])
    with pytest.raises(BalanceError, match=r"The task 'kind': Labels must lie in \[0, 3\)"):
        balancer.loss(model(a, b), target | {"kind": target["kind"] + 1})
    with pytest.raises(BalanceError, match=r"of the same samples; found .*'size': 23"):
        balancer.loss(model(a, b), target | {"size": target["size"][1:]})


@pytest.mark.parametrize("reading", ["with a loss", "without gradients"])
def test_one_tensor_of_as_many_columns_is_never_taken_for_the_targets_of_all(reading):
    model, balancer = made("joint")
    a, b, target = rows()
    balancer.loss(model(a, b), target)
    columns = torch.cat([target["kind"][:, None].double(), target["size"]], 1)
    with torch.set_grad_enabled(reading == "with a loss"):
        with pytest.raises(BalanceError, match=r"found 'Tensor'. Write loss\(output, {'kind': "):
            balancer.loss(model(a, b), columns)
        assert balancer.loss(model(a, b), target).isfinite()


def test_a_loader_s_target_of_as_many_columns_is_refused_too():
    model, balancer = made("relearn", settings={"at": [0.5]})
    a, b, target = rows()
    columns = torch.cat([target["kind"][:, None].double(), target["size"]], 1)
    balancer.setting.loaders["val"] = [(a, b, columns)]
    balancer.loss(model(a, b), target).backward()
    balancer.before_step()
    with pytest.raises(BalanceError, match=r"mapping with .* found 'Tensor'"):
        balancer.epoch_end()


class AsTuple(TwoTasks):
    def forward(self, a, b):
        return tuple(super().forward(a, b).values())


class AsTensor(TwoTasks):
    def forward(self, a, b):
        return torch.cat(list(super().forward(a, b).values()), 1)


def test_an_output_without_names_says_what_to_write_and_works_with_it():
    a, b, target = rows()
    model = AsTuple().double()
    balancer = Balancer(model, methods.create("joint"), ENCODERS, readouts(), task=tasks())
    with pytest.raises(BalanceError, match=r"tuple has no 'kind'; it holds 2 entries, from 0. Name "
                       r"one of them in Tasks\(\.\.\., logits={'kind': \.\.\.}\)"):  # fmt: skip
        balancer.loss(model(a, b), target)
    balancer.detach()
    named = tasks(logits={"kind": 0, "size": 1})
    balancer = Balancer(model, methods.create("amss"), ENCODERS, readouts(), task=named)
    balancer.loss(model(a, b), target).backward()
    balancer.before_step()
    model = AsTensor().double()
    balancer = Balancer(model, methods.create("joint"), ENCODERS, readouts(), task=tasks())
    with pytest.raises(BalanceError, match=r"one tensor: .* by name, {'kind': ..., 'size': ...}"):
        balancer.loss(model(a, b), target)


def test_what_a_task_s_readout_or_criterion_refuses_names_the_task():
    def broken(logits, target):
        raise ValueError("no")

    a, b, target = rows()
    swapped = {m: f"encoders.{m}" for m in "ba"}
    for task, encoders, words in (
        (tasks(), swapped, r"The task 'kind': LinearSplit\('kind'\): the parts"),
        (Tasks({"kind": Classification(criterion=broken), "size": Regression()}), ENCODERS,
         "The task 'kind': Classification criterion broken raised ValueError: no. It was given"),
    ):  # fmt: skip
        model = net()
        balancer = Balancer(model, methods.create("joint"), encoders, readouts(), task=task)
        with pytest.raises(BalanceError, match=words):
            balancer.loss(model(a, b), target)


def test_a_diagnosis_names_the_readouts_of_the_tasks(tmp_path):
    model, balancer = made("joint", diagnose=1)
    a, b, target = rows()
    balancer.loss(model(a, b), target).backward()
    balancer.before_step()
    balancer.epoch_end()
    balancer.diagnosis.save(tmp_path / "diagnosis.json")
    assert "LinearSplit, Ablation" in (tmp_path / "diagnosis.json").read_text()


def test_released_formulas_refuse_several_tasks():
    both = Tasks({"kind": Classification(), "size": MultiLabel()})
    with pytest.raises(BalanceError, match="significance='nv' reads one class a sample"):
        made("amss", Ablation(), settings={"significance": "nv"}, task=both)
