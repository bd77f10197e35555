"""Balanced training on keypad with Accelerate; nothing is downloaded.

Run it with: pip install "equimodal[huggingface]" && python examples/accelerate_keypad.py --epochs 5
On two processes: torchrun --nproc-per-node 2 examples/accelerate_keypad.py --epochs 5

The images are real handwritten digits; the sounds are generated, and the pairs are made.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import send_to_device
from torch import Tensor, nn
from torch.utils.data import DataLoader

from equimodal import Balancer, LinearSplit, data, methods
from equimodal.models import Output, build_model


def forward(model: nn.Module, batch: Sequence) -> tuple[Output, Tensor]:
    """What the model says of a batch, and the labels."""
    inputs, target, _ = batch
    return model(inputs), target


@torch.no_grad()
def accuracy(model: nn.Module, batches: DataLoader, accelerator: Accelerator) -> float:
    """Percent of the labels that the fused model predicts, over all processes."""
    model.eval()
    outputs = (forward(model, batch) for batch in batches)
    found = ((output.logits.argmax(1), target) for output, target in outputs)
    right = [torch.eq(*accelerator.gather_for_metrics(pair)) for pair in found]
    return 100 * torch.cat(right).float().mean().item()


def main(argv: Sequence[str] | None = None) -> None:
    """Train, going on from the last finished epoch, and print the accuracy on unseen digits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", default="amss", help="see: equimodal methods")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--parts", type=int, default=1, help="micro-batches of an update")
    parser.add_argument("--folder", default="results/accelerate", help="state and logs")
    parser.add_argument("--log-with", help='"tensorboard", for every decision of the method')
    args = parser.parse_args(argv)

    torch.manual_seed(0)
    source = data.load("keypad")
    train, validation, test = (
        DataLoader(split, batch_size=args.batch_size, shuffle=split is source.train)
        for split in (source.train, source.validation, source.test)
    )
    accelerator = Accelerator(
        cpu=not torch.cuda.is_available(), gradient_accumulation_steps=args.parts,
        log_with=args.log_with, project_dir=args.folder)  # fmt: skip
    accelerator.init_trackers("equimodal")
    net = build_model(source.modalities, len(source.classes), seed=0)
    balancer = Balancer(
        net, methods.create(args.method), {m: f"encoders.{m}" for m in source.modalities},
        LinearSplit("head"), loaders={"train": train, "val": validation}, epochs=args.epochs,
        forward=lambda model, batch: forward(model, send_to_device(batch, accelerator.device)),
        log=accelerator.log,
    )  # fmt: skip
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    model, optimizer, batches, test = accelerator.prepare(net, optimizer, train, test)
    balancer.attach(optimizer)
    accelerator.register_for_checkpointing(balancer)
    state = Path(args.folder, "state")
    if state.exists():
        accelerator.load_state(state)
    for _ in range(balancer.epoch_index, args.epochs):
        for batch in batches:
            with accelerator.accumulate(model):
                accelerator.backward(balancer.loss(*forward(model, batch)))
                if accelerator.sync_gradients:
                    balancer.before_step()
                optimizer.step()
                optimizer.zero_grad()
        balancer.epoch_end()
        accelerator.save_state(state)
    accelerator.print(f"fused: {accuracy(model, test, accelerator):.1f}%")
    accelerator.end_training()


if __name__ == "__main__":
    main()
