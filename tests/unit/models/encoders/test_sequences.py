import pytest
import torch

from equimodal.errors import BalanceError
from equimodal.models import SequenceEncoder, TextEncoder, VideoEncoder, build_encoder


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def sequences(lengths, steps=6, width=3):
    rows = torch.randn(len(lengths), steps, width + 1)
    present = torch.arange(steps) < torch.tensor(lengths)[:, None]
    rows[..., -1] = present
    return rows, present


def test_a_sequences_features_do_not_depend_on_what_stands_in_its_padding():
    encoder = SequenceEncoder((6, 4)).double()
    rows, present = sequences([2, 6, 1])
    rows = rows.double()
    noisy = rows.clone()
    noisy[..., :-1] += 100 * (~present).unsqueeze(2)

    torch.testing.assert_close(encoder(rows), encoder(noisy), rtol=0, atol=0)
    assert not torch.equal(encoder(rows), encoder(rows + present.unsqueeze(2) * 0.1))


def test_a_texts_features_do_not_depend_on_how_far_it_is_padded():
    long = TextEncoder((9,), vocabulary=20).double()
    tokens = torch.tensor([[1, 7, 3, 0, 0, 0, 0, 0, 0], [1, 4, 0, 0, 0, 0, 0, 0, 0]])

    torch.testing.assert_close(long(tokens), long(tokens[:, :3]), rtol=1e-12, atol=1e-12)


def test_the_order_of_words_matters():
    encoder = TextEncoder((4,), vocabulary=9)
    assert not torch.allclose(
        encoder(torch.tensor([[1, 5, 6, 7]])), encoder(torch.tensor([[1, 7, 6, 5]]))
    )


def test_a_sample_without_any_step_is_finite_and_so_are_its_gradients():
    encoder = SequenceEncoder((6, 4))
    rows, _ = sequences([0, 3])
    encoder(rows).sum().backward()
    with torch.inference_mode():
        assert encoder(rows).isfinite().all()
        assert encoder.eval()(rows).isfinite().all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in encoder.parameters())


def test_a_video_has_the_mean_of_its_frames_features():
    encoder = VideoEncoder((3, 2, 8, 8))
    rows = torch.randn(4, 3, 2, 8, 8)
    expected = torch.stack([encoder.frames(rows[:, frame]) for frame in range(3)]).mean(0)
    torch.testing.assert_close(encoder(rows), expected)


@pytest.mark.parametrize(
    ("kind", "shape", "vocabulary"),
    [("sequence", (6, 4), None), ("text", (5,), 30), ("video", (3, 1, 12, 12), None)],
)
def test_a_samples_features_do_not_depend_on_its_batch(kind, shape, vocabulary):
    encoder = build_encoder(kind, shape, vocabulary=vocabulary).double()
    rows = torch.randn(5, *shape, dtype=torch.float64)
    rows = torch.randint(0, 30, (5, 5)) if kind == "text" else rows

    torch.testing.assert_close(encoder(rows)[:1], encoder(rows[:1]), rtol=1e-12, atol=1e-12)
    assert encoder(rows).shape == (5, encoder.width)


@pytest.mark.parametrize(
    ("kind", "shape"), [("sequence", (6,)), ("sequence", (6, 1)), ("text", (2, 3)), ("video", (3,))]
)
def test_a_shape_of_another_kind_is_refused(kind, shape):
    with pytest.raises(BalanceError, match=f"kind '{kind}' has the shape"):
        build_encoder(kind, shape, vocabulary=5)


def test_a_text_without_a_vocabulary_is_refused():
    with pytest.raises(BalanceError, match="needs the number of its tokens"):
        build_encoder("text", (4,))
