import pytest
import torch

from equimodal.errors import BalanceError
from equimodal.models import build_encoder


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        ("image", (1, 8, 8)),
        ("image", (3, 28, 31)),
        ("spectrogram", (1, 35, 17)),
        ("image", (1, 1, 1)),
        ("vector", (1,)),
        ("vector", (240,)),
    ],
)
def test_features_have_the_stated_width_for_any_sample_shape(
    kind: str, shape: tuple[int, ...]
) -> None:
    encoder = build_encoder(kind, shape)
    features = encoder(torch.zeros(3, *shape))
    assert features.shape == (3, encoder.width)


@pytest.mark.parametrize(
    ("kind", "shape"), [("image", (1, 8, 8)), ("spectrogram", (1, 9, 5)), ("vector", (6,))]
)
def test_a_samples_features_do_not_depend_on_its_batch(kind: str, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    encoder = build_encoder(kind, shape).double()
    rows = torch.randn(9, *shape, dtype=torch.float64)
    torch.testing.assert_close(encoder(rows)[:1], encoder(rows[:1]), rtol=1e-12, atol=1e-12)


def test_an_unknown_kind_names_the_known_ones() -> None:
    with pytest.raises(BalanceError, match=r"kind 'smell'; write image, .* text or video"):
        build_encoder("smell", (1, 8, 8))


@pytest.mark.parametrize(
    ("kind", "shape"), [("image", (8, 8)), ("vector", (1, 8)), ("vector", (0,)), ("image", ())]
)
def test_a_shape_of_another_kind_is_refused(kind: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(BalanceError, match=f"kind '{kind}' has the shape"):
        build_encoder(kind, shape)
