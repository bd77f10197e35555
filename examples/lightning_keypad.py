"""Balanced training on keypad with Lightning; nothing is downloaded.

Run it with: pip install "equimodal[lightning]" && python examples/lightning_keypad.py --epochs 5
"""

import argparse
from collections.abc import Sequence

import lightning.pytorch as lightning
import torch
from lightning.pytorch.loggers import CSVLogger
from torch import Tensor
from torch.utils.data import DataLoader

from equimodal import Balancer, LinearSplit, data, methods
from equimodal.data import DataSource
from equimodal.integrations.lightning import BalanceCallback
from equimodal.models import build_model


class Keypad(lightning.LightningModule):
    """A late fusion of image and sound, balanced by ``method``."""

    def __init__(self, source: DataSource, method: str) -> None:
        super().__init__()
        self.net = build_model(source.modalities, len(source.classes), seed=0)
        self.balancer = Balancer(
            self.net,
            methods.create(method),
            {m: f"encoders.{m}" for m in source.modalities},
            LinearSplit("head"),
            loaders={"train": loader(source.train), "val": loader(source.validation)},
        )

    def training_step(self, batch: tuple[dict[str, Tensor], Tensor], _: int) -> Tensor:
        """The balancer's loss in place of the usual one."""
        return self.balancer.loss(self.net(batch[0]), batch[1])

    def test_step(self, batch: tuple[dict[str, Tensor], Tensor, Tensor], _: int) -> None:
        """Accuracy of the fused model and of each modality's part of it."""
        output = self.net(batch[0])
        parts = self.balancer.setting.unimodal_logits(output.features)
        for name, logits in {"fused": output.logits, **parts}.items():
            self.log(f"accuracy/{name}", (logits.argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The callback shows it to the balancer."""
        return torch.optim.SGD(self.parameters(), lr=0.05, momentum=0.9)


def loader(dataset: data.MultimodalDataset) -> DataLoader:
    """Paired batches in a fixed order."""
    return DataLoader(dataset, batch_size=250)


def main(argv: Sequence[str] | None = None) -> None:
    """Train, then test. The decisions of the method stand in the logger's metrics.csv."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", default="amss", help="see: equimodal methods")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--resume", help="a checkpoint of Lightning to continue from")
    args = parser.parse_args(argv)

    source = data.load("keypad")
    module = Keypad(source, args.method)
    trainer = lightning.Trainer(
        max_epochs=args.epochs, accelerator="cpu", logger=CSVLogger("."),
        callbacks=[BalanceCallback()], log_every_n_steps=10,
    )  # fmt: skip
    batches = module.balancer.loader(source.train, batch_size=args.batch_size)
    trainer.fit(module, batches, ckpt_path=args.resume)
    trainer.test(module, loader(source.test))


if __name__ == "__main__":
    main()
