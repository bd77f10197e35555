"""Balanced training on spoken and handwritten digits with Lightning Fabric, on any device.

Run it with: pip install equimodal && python examples/fabric_avdigits.py --data-root DIR --epochs 5
where DIR holds the folders fsdd and mnist; `equimodal data avdigits` says where they come from.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch.utils.data import DataLoader

from equimodal import Balancer, DataError, LinearSplit, data, methods
from equimodal.models import build_model


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-root", help="the folder that holds fsdd and mnist")
    parser.add_argument("--method", default="amss", help="see: equimodal methods")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--precision", default="32-true", help="32-true, bf16-mixed or 16-mixed")
    parser.add_argument("--checkpoint", help="written after every epoch; continued if it exists")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Train, then print the test accuracy of the fused model and of each modality's part of it."""
    args = arguments(argv)
    try:
        source = data.load("avdigits", root=args.data_root)
    except DataError as problem:
        raise SystemExit(str(problem)) from None
    fabric = Fabric(precision=args.precision)
    fabric.launch()
    train, validation, test = (
        part.to(fabric.device) for part in (source.train, source.validation, source.test)
    )
    net = build_model(source.modalities, len(source.classes), seed=0)
    model, optimizer = fabric.setup(net, torch.optim.SGD(net.parameters(), lr=0.03, momentum=0.9))
    balancer = Balancer(
        model, methods.create(args.method), {m: f"encoders.{m}" for m in source.modalities},
        LinearSplit("head"), optimizers=[optimizer], epochs=args.epochs,
        loaders={"train": DataLoader(train, 256), "val": DataLoader(validation, 256)},
    )  # fmt: skip
    state = {"model": model, "optimizer": optimizer, "balancer": balancer}
    if args.checkpoint and Path(args.checkpoint).exists():
        fabric.load(args.checkpoint, state, weights_only=True)
    while balancer.epoch_index < args.epochs:
        for inputs, target in balancer.batches(train, batch_size=64):
            fabric.backward(balancer.loss(model(inputs), target))
            balancer.before_step()
            optimizer.step()
            optimizer.zero_grad()
        balancer.epoch_end()
        if args.checkpoint:
            fabric.save(args.checkpoint, state)

    model.eval()
    with torch.no_grad():
        output = model(test.inputs)
        logits = {"fused": output.logits, **balancer.setting.unimodal_logits(output.features)}
    for name, z in logits.items():
        fabric.print(f"{name}: {(z.argmax(1) == test.labels).float().mean():.1%}")


if __name__ == "__main__":
    main()
