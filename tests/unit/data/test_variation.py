import math

import numpy as np
import pytest
import torch

from equimodal.data.variation import (
    Variation,
    centred,
    crop_corners,
    cut,
    flow_flipped,
    resampled,
    resized_crop_boxes,
    uniform,
    varied,
)

ROWS = np.arange(6)


def pictures(*shape):
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0)).float()


def boxes_one_by_one(draws, height, width):
    """Boxes of a random area and ratio, by a loop over samples and tries."""
    found = []
    for tries in draws:
        for share, aspect, down, right in tries:
            area = height * width * (0.08 + 0.92 * share)
            ratio = (3 / 4) ** (1 - aspect) * (4 / 3) ** aspect
            h, w = round(math.sqrt(area / ratio)), round(math.sqrt(area * ratio))
            if 0 < h <= height and 0 < w <= width:
                found.append([int(down * (height - h + 1)), int(right * (width - w + 1)), h, w])
                break
        else:
            h, w = min(height, round(width * 4 / 3)), min(width, round(height * 4 / 3))
            found.append([(height - h) // 2, (width - w) // 2, h, w])
    return found


def test_draws_depend_on_seed_epoch_and_row_alone():
    every = uniform(3, 5, np.arange(100))
    assert np.array_equal(uniform(3, 5, np.array([70, 2])), every[[70, 2]])
    for other in (uniform(4, 5, ROWS), uniform(3, 6, ROWS)):
        assert not (other == every[:6]).any()
    state = torch.get_rng_state()
    varied(pictures(6, 3, 8, 8), uniform(0, 0, ROWS), ["resized_crop", "flip"], None)
    assert torch.equal(torch.get_rng_state(), state)


def test_draws_are_spread_evenly_and_no_two_are_alike():
    found = uniform(0, 0, np.arange(2000))
    counts = np.histogram(found, bins=20, range=(0, 1))[0]
    assert (abs(counts - found.size / 20) < 5 * math.sqrt(found.size / 20)).all()
    assert len(np.unique(found)) == found.size
    assert abs(np.corrcoef(found[:, :8], rowvar=False) - np.eye(8)).max() < 0.1


@pytest.mark.parametrize("size", [(24, 24), (6, 40), (40, 6)])
def test_boxes_are_those_of_a_loop_over_samples_and_tries(size):
    draws = uniform(1, 2, np.arange(200))[:, 4:].reshape(-1, 10, 4)
    found = resized_crop_boxes(draws, *size)
    assert found.tolist() == boxes_one_by_one(draws, *size)
    top, left, height, width = found.T
    assert (top >= 0).all() and (top + height <= size[0]).all()
    assert (left >= 0).all() and (left + width <= size[1]).all()


def test_a_box_of_a_whole_ramp_is_scaled_exactly():
    ramp = torch.arange(16.0).expand(2, 3, 8, 16)
    found = resampled(ramp, np.array([[0, 0, 8, 16], [2, 4, 4, 8]]), (8, 8))
    # A linear picture stays linear: pixel j is at left + (j + 1/2) width / 8 - 1/2.
    assert torch.allclose(found[0, 0, 0], (torch.arange(8.0) + 0.5) * 2 - 0.5)
    assert torch.allclose(found[1, 2, 5], 4 + (torch.arange(8.0) + 0.5) - 0.5, atol=1e-5)
    assert torch.allclose(resampled(ramp, np.array([[0, 0, 8, 16]] * 2), (8, 16)), ramp, atol=1e-5)


def test_cuts_are_slices_each_at_its_own_corner():
    clips = pictures(3, 4, 2, 7, 9)
    corners = np.array([[0, 0], [2, 3], [1, 5]])
    found = cut(clips, corners, (5, 4))
    for sample, (top, left) in enumerate(corners):
        assert torch.equal(found[sample], clips[sample, ..., top : top + 5, left : left + 4])


def test_corners_reach_every_place_and_no_other():
    draws = np.array([[0.0, 0.999], [0.5, 0.0], [0.999, 0.34]])
    assert crop_corners(draws, (8, 8), (5, 6)).tolist() == [[0, 2], [2, 0], [3, 1]]


def test_a_flip_mirrors_the_rows_that_are_drawn_and_no_others():
    whole, draws = pictures(6, 3, 4, 5), uniform(0, 1, ROWS)
    found = varied(whole, draws, ["flip"], None)
    for row in ROWS:
        wanted = whole[row].flip(-1) if draws[row, 0] < 0.5 else whole[row]
        assert torch.equal(found[row], wanted)
    assert 0 < (draws[:, 0] < 0.5).sum() < 6


def test_mirrored_flow_moves_the_other_way():
    flow = torch.full((1, 2, 3, 2, 4), 128.0)
    flow[..., 0, :, 0] = 138  # ten to the right, at the left edge
    flow[..., 1, :, 0] = 120
    found = flow_flipped(flow)
    assert found[0, 0, 0, 0].tolist() == [128, 128, 128, 118]
    assert found[0, 0, 1, 0].tolist() == [128, 128, 128, 120]


def test_without_an_epoch_nothing_is_drawn():
    whole = pictures(6, 3, 8, 10)
    plain = Variation(("crop", "flip"), (4, 6))
    assert torch.equal(plain(whole, ROWS), whole[..., 2:6, 2:8])
    assert torch.equal(plain(whole, ROWS), centred(whole, (4, 6)))
    assert torch.equal(Variation(("resized_crop", "flip"))(whole, ROWS), whole)
    assert Variation(crop=(4, 6)).at(0, 0).moment is None


def test_every_modality_of_a_sample_is_varied_alike_and_a_batch_does_not_matter():
    whole = pictures(6, 3, 8, 8)
    drawn = Variation(("resized_crop", "flip")).at(3, 1)
    every = drawn(whole, ROWS)
    assert torch.equal(drawn(whole[[4, 1]], np.array([4, 1])), every[[4, 1]])
    video = drawn(whole[:, None].expand(-1, 2, -1, -1, -1), ROWS)
    assert torch.allclose(video[:, 0], every) and torch.equal(video[:, 0], video[:, 1])
    assert not torch.equal(every, Variation(("resized_crop", "flip")).at(3, 2)(whole, ROWS))
