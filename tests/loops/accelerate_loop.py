"""The parts of the plain loop, trained with Accelerate, which needs no adapter."""

from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import GradientAccumulationPlugin

from contract.training import learned
from equimodal import methods
from loops.mapping import WithMapping
from loops.plain import BATCH, EPOCHS, SAMPLES, batches_of, start, weights


def accumulating(parts, name):
    """Updates of so many micro-batches, and of a rest at the end of a loader; not where batches
    come several times, as the last one is then no end."""
    ends = methods.create(name).repeats(2) == 1
    return GradientAccumulationPlugin(num_steps=parts, sync_with_dataloader=ends)


def fresh(**options):
    """An accelerator on the CPU that knows nothing of those before it."""
    AcceleratorState._reset_state(reset_partial_state=True)
    return Accelerator(cpu=True, **options)


def trained(
    name, *, parts=1, batch_size=BATCH, samples=SAMPLES, schedule=None, clip=None, folder=None,
    epochs=range(EPOCHS), accelerator=None, **options,
):  # fmt: skip
    """Weights after a training with Accelerate.

    Args:
        name: a name in ``methods.names()``.
        parts: micro-batches of an update.
        batch_size: rows of a micro-batch, of one rank.
        samples: rows of an epoch.
        schedule: optimizer -> learning-rate schedule, stepped once an epoch.
        clip: largest norm of all gradients together.
        folder: where the state is saved after the last of ``epochs``, and read from before the
            first if that is not 0.
        epochs: the epochs to train.
        accelerator: default a fresh one.
        options: passed to the start.
    """
    made = start(name, attached=False, samples=samples, **options)
    accelerator = accelerator or fresh(gradient_accumulation_plugin=accumulating(parts, name))
    model, optimizer, batches = accelerator.prepare(
        WithMapping(made.model), made.optimizer, batches_of(made.balancer, batch_size, samples)
    )
    balancer = made.balancer
    balancer.attach(optimizer)
    accelerator.register_for_checkpointing(balancer)
    steps = schedule and schedule(made.optimizer)
    if epochs.start:
        accelerator.load_state(folder)
    for _ in epochs:
        for inputs, target, *_ in balancer.repeat(batches, parts):
            with accelerator.accumulate(model):
                accelerator.backward(balancer.loss(model(inputs), target))
                if accelerator.sync_gradients:
                    balancer.before_step()
                    if clip is not None:
                        accelerator.clip_grad_norm_(learned(model, balancer), clip)
                optimizer.step()
                optimizer.zero_grad()
        balancer.epoch_end()
        if steps:
            steps.step()
    if folder:
        accelerator.save_state(folder)
    return weights(made.model)
