"""What the purity gap of Diagnosing & Re-learning says about two sets of one distribution.

    python benchmarks/purity_gap.py --seeds 5

Features are Gaussian vectors of unit variance in 64 dimensions around one random centre a class;
the centres' own standard deviation is the distance, at 0 they are pure noise. Training and
validation features are drawn alike and nothing is trained, so that whatever gap is found comes from
the numbers of samples. These are those of CREMA-D: 5,954 for training and 744 for validation, and
744 each as match_sizes=True takes them. A table on the screen: mean, smallest and largest gap over
the seeds, and the strength of the largest at lambda 3.
"""

import argparse
import time

import torch
from torch import Tensor

from equimodal.functional import cluster_purity, relearn_strength
from equimodal.numerics.purity import feature_clusters

SIZE, TRAIN, VALIDATION = 64, 5954, 744
CLASSES = (6, 31)
DISTANCES = (0.0, 0.2, 0.3, 0.4)


def drawn(centres: Tensor, rows: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Features and labels around the centres of the classes. (K, D) -> (N, D), (N,)"""
    labels = torch.arange(rows) % len(centres)
    return centres[labels] + torch.randn(rows, centres.shape[1], generator=generator), labels


def gap(classes: int, distance: float, train: int, seed: int) -> float:
    """|P_D - P_V| of two sets of one distribution, of ``train`` and 744 samples."""
    generator = torch.Generator().manual_seed(seed)
    centres = distance * torch.randn(classes, SIZE, generator=generator)
    purities = []
    for rows in (train, VALIDATION):
        features, labels = drawn(centres, rows, generator)
        clusters = feature_clusters(features, classes)
        assert clusters is not None
        purities.append(cluster_purity(labels, clusters))
    return abs(purities[0] - purities[1])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    seeds = range(parser.parse_args().seeds)
    started = time.perf_counter()
    print("| classes | distance | training samples | gap | strength at most |")
    print("|---|---|---|---|---|")
    for classes in CLASSES:
        for distance in DISTANCES:
            for train in (TRAIN, VALIDATION):
                found = [gap(classes, distance, train, seed) for seed in seeds]
                spread = f"{sum(found) / len(found):.3f} ({min(found):.3f}-{max(found):.3f})"
                most = relearn_strength(max(found), 0.0)
                print(f"| {classes} | {distance} | {train:,} | {spread} | {most:.2f} |", flush=True)
    print(f"{len(seeds)} seeds, torch {torch.__version__}, {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
