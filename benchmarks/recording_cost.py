"""What ``Balancer(diagnose=10)`` adds to a step, side by side with the same balancer without it.

    python benchmarks/recording_cost.py                      # resnet18-pair and keypad on the CPU
    python benchmarks/recording_cost.py --every 1 --rounds 100

Two copies of the model are trained in turn, in an order that alternates, each a whole number of
intervals a round, so that every round holds its share of recording steps. The table shows the
median over rounds of the paired ratios with its 95 % interval by bootstrap. On the CPU it is the
process's own time that is measured, which other programs on the machine disturb least.
"""

import argparse
import platform
import statistics
from typing import Any

import torch
from step_setups import SETUPS, Setup
from step_trainers import Balanced

from equimodal import Balancer
from equimodal.balancing.recorder import EVERY


def balanced(setup: Setup, device: torch.device, every: int | None) -> Any:
    """Joint training under a balancer that records each so many updates, or not."""
    trainer = Balanced(setup, device, "joint")
    trainer.balancer.detach()
    old = trainer.balancer.setting
    trainer.balancer = Balancer(
        trainer.model, old.method, {m: f"encoders.{m}" for m in old.modalities.names}, old.readout,
        optimizers=[trainer.optimizer], diagnose=every,
    )  # fmt: skip
    return trainer


def ratios(setup: Setup, device: torch.device, every: int, rounds: int) -> list[float]:
    """Time of a step with recording over that without, round by round."""
    setup.train, setup.validation = setup.train.to(device), setup.validation.to(device)
    setup.steps = every
    plain, watched = balanced(setup, device, None), balanced(setup, device, every)
    for trainer in (plain, watched):
        trainer.timed()
    found = []
    for turn in range(rounds):
        order = (plain, watched) if turn % 2 else (watched, plain)
        seconds = {id(trainer): trainer.timed() for trainer in order}
        found.append(seconds[id(watched)] / seconds[id(plain)])
    return found


def interval(values: list[float], draws: int = 2000) -> tuple[float, float]:
    """95 % bootstrap interval of the median."""
    draw = torch.Generator().manual_seed(0)
    given = torch.tensor(values)
    picked = torch.randint(len(values), (draws, len(values)), generator=draw)
    medians = given[picked].quantile(0.5, dim=1)
    low, high = medians.quantile(torch.tensor([0.025, 0.975])).tolist()
    return low, high


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--setups", default="resnet18-pair,keypad", help="comma-separated")
    parser.add_argument("--every", type=int, default=EVERY, help="updates between records")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    where = torch.cuda.get_device_name() if device.type == "cuda" else platform.machine()
    print(f"torch {torch.__version__}, {where}, {options.threads} threads, every {options.every}")
    print("| set-up | step with recording / without, median [95 % interval] | rounds |")
    print("|---|---|---:|")
    for name in options.setups.split(","):
        found = ratios(SETUPS[name](), device, options.every, options.rounds)
        low, high = interval(found)
        middle = statistics.median(found)
        print(f"| {name} | {middle:.4f} [{low:.4f}, {high:.4f}] | {options.rounds} |", flush=True)


if __name__ == "__main__":
    main()
