"""The parts of the plain loop, trained by the Hugging Face Trainer."""

import gc
from types import SimpleNamespace

import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, default_collate
from transformers import Trainer, TrainingArguments

from equimodal.integrations.huggingface import BalanceCallback
from loops.mapping import WithMapping
from loops.plain import BATCH, EPOCHS, SAMPLES, data, start, weights

# Every training starts with a collection, which would walk over all of transformers each time.
gc.freeze()

IN_TWO = {"per_device_train_batch_size": BATCH // 2, "gradient_accumulation_steps": 2}


class Items(Dataset):
    """Items as the Trainer takes them: keyword arguments of the model, and labels."""

    def __init__(self, samples=SAMPLES, *, seed=0):
        self.data = data(samples, seed=seed)

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        inputs, label, _ = self.data[index]
        return {"inputs": inputs, "labels": label}


class Batches(IterableDataset):
    """A balancer's own batches, as the Trainer takes them."""

    def __init__(self, loader):
        self.loader, self.dataset = loader, loader.dataset

    def __len__(self):
        return len(self.loader)

    def __iter__(self):
        for inputs, labels in self.loader:
            yield {"inputs": inputs, "labels": labels}


class Repeating(Trainer):
    """A Trainer whose batches come for as many updates as the method uses each."""

    balancer = None

    def get_train_dataloader(self):
        return self.balancer.repeat(
            super().get_train_dataloader(), self.args.gradient_accumulation_steps
        )


class Unpaired(Trainer):
    """A Trainer over batches that the method draws."""

    batches = None

    def get_train_dataloader(self):
        return self.batches


def beginning(**settings):
    """Arguments, state and control of a training that begins."""
    fixed = {
        "n_gpu": 0, "label_smoothing_factor": 0.0, "deepspeed": None,
        "gradient_accumulation_steps": 1, "output_dir": None, "max_grad_norm": 0,
    }  # fmt: skip
    state = SimpleNamespace(global_step=0, num_train_epochs=1, stateful_callbacks={})
    return SimpleNamespace(**(fixed | settings)), state, None


def arguments(folder, **options):
    """Arguments of a Trainer that does what the plain loop does, on the CPU."""
    fixed = {
        "num_train_epochs": EPOCHS, "per_device_train_batch_size": BATCH, "max_grad_norm": 0,
        "lr_scheduler_type": "constant", "train_sampling_strategy": "sequential",
        "label_names": ["labels"], "save_strategy": "no", "logging_strategy": "no",
        "report_to": "none", "disable_tqdm": True, "use_cpu": True,
    }  # fmt: skip
    return TrainingArguments(str(folder), **(fixed | options))


def trainer(made, folder, *, schedule=None, samples=SAMPLES, callbacks=(), kind=None, **options):
    """A Trainer of ``made``, and its callback.

    Args:
        made: the parts of a plain loop.
        folder: its ``output_dir``.
        schedule: optimizer -> learning-rate schedule, stepped once an update.
        samples: rows of an epoch.
        callbacks: further callbacks.
        kind: the class of the Trainer; by default over the balancer's batches where its method
            lists their rows.
        options: passed to TrainingArguments.
    """
    callback = BalanceCallback(made.balancer)
    listing = made.balancer.setting.method.own_batches
    built = (kind or (Unpaired if listing else Trainer))(
        model=WithMapping(made.model),
        args=arguments(folder, **options),
        train_dataset=Items(samples),
        eval_dataset=Items(30, seed=1),
        data_collator=default_collate,
        callbacks=[*callbacks, callback],
        compute_loss_func=callback.compute_loss,
        optimizers=(made.optimizer, schedule and schedule(made.optimizer)),
    )
    if listing:
        size = built.args.per_device_train_batch_size
        # As a DataLoader, of which the Trainer skips what a checkpoint has seen.
        batches = Batches(made.balancer.loader(data(samples), batch_size=size))
        built.batches = DataLoader(batches, batch_size=None)
    return built, callback


def trained(name, folder, *, resume=None, **options):
    """Weights after a training of the method ``name``, whose epochs and optimizer are not told."""
    own = {k: options.pop(k) for k in ("optimizer", "on", "steps") if k in options}
    own.setdefault("steps", "nominal")  # as many as the Trainer plans at its start
    samples = options.get("samples", SAMPLES)
    made = start(name, epochs=None, attached=False, samples=samples, **own)
    kind = {} if made.balancer.setting.method.own_batches else {"kind": Repeating}
    built = trainer(made, folder, **kind, **options)[0]
    built.balancer = made.balancer
    built.train(resume_from_checkpoint=resume)
    return weights(made.model)


def halved_after(updates):
    """A schedule, stepped once an update, that halves the rate after every so many."""
    return lambda o: torch.optim.lr_scheduler.StepLR(o, step_size=updates, gamma=0.5)
