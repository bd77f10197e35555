"""Seeds keep their values for good: files and published numbers depend on them."""

import hashlib
import zlib

import numpy as np
import pytest
import torch

from equimodal.numerics import random

PLACES = [(0, 0), (0, 1), (1, 0), (3, 17), (2**31 - 1, 10**6)]


def blake(text):
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


@pytest.mark.parametrize(("seed", "place"), PLACES)
def test_seeds_are_those_of_every_earlier_version(seed, place):
    update = ((seed * 1_000_003 + place) * 1_009 + 2) % 2**63
    assert random.update_generator(seed, place, 2).initial_seed() == update
    assert random.epoch_seed(seed, place) == (seed * 1_000_003 + place) % 2**63
    order = random.order_generator(seed, "audio", place).initial_seed()
    assert order == blake(f"{seed}/audio/{place}") // 2
    assert random.variation_seed(seed, place) == blake(f"variation/{seed}/{place}")
    weights = hashlib.sha256(f"{seed}:{place}".encode()).hexdigest()
    assert random.weights_seed(seed, str(place)) == int(weights[:14], 16)
    drawn = np.random.default_rng([seed, zlib.crc32(b"noise")]).random(3)
    assert np.array_equal(random.data_generator(seed, "noise").random(3), drawn)


def test_neighbouring_updates_and_streams_draw_different_numbers():
    places = [(s, u, k) for s in range(3) for u in range(3) for k in range(2)]
    draws = {float(torch.rand((), generator=random.update_generator(*p))) for p in places}
    assert len(draws) == len(places)


def test_streams_of_a_data_set_are_independent_and_repeatable():
    draws = [random.data_generator(*key).random() for key in ((0, "a"), (0, "b"), (1, "a"))]
    assert len(set(draws)) == 3
    assert draws[0] == random.data_generator(0, "a").random()
