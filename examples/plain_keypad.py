"""Balanced training on keypad in plain PyTorch; nothing is downloaded.

Run it with: pip install equimodal && python examples/plain_keypad.py --method amss --epochs 5
"""

import argparse
from collections.abc import Sequence

import torch
from torch.utils.data import DataLoader

from equimodal import Balancer, LinearSplit, data, methods
from equimodal.models import build_model


def main(argv: Sequence[str] | None = None) -> None:
    """Train, then print the test accuracy of the fused model and of each modality's part of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", default="amss", help="see: equimodal methods")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=64)
    args = parser.parse_args(argv)

    source = data.load("keypad")
    model = build_model(source.modalities, len(source.classes), seed=0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    balancer = Balancer(
        model,
        methods.create(args.method),
        {m: f"encoders.{m}" for m in source.modalities},
        LinearSplit("head"),
        loaders={"train": DataLoader(source.train, 256), "val": DataLoader(source.validation, 256)},
        optimizers=[optimizer],
        epochs=args.epochs,
    )
    for _ in range(args.epochs):
        for inputs, target in balancer.batches(source.train, batch_size=args.batch_size):
            loss = balancer.loss(model(inputs), target)
            loss.backward()
            balancer.before_step()
            optimizer.step()
            optimizer.zero_grad()
        balancer.epoch_end()

    model.eval()
    with torch.no_grad():
        output = model(source.test.inputs)
        logits = {"fused": output.logits, **balancer.setting.unimodal_logits(output.features)}
    for name, z in logits.items():
        print(f"{name}: {(z.argmax(1) == source.test.labels).float().mean():.1%}")


if __name__ == "__main__":
    main()
