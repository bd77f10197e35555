import torch

from equimodal.numerics.seeding import named_seed


def draw(seed: int, name: str) -> torch.Tensor:
    with named_seed(seed, name):
        return torch.rand(3)


def test_the_same_seed_and_name_draw_the_same_numbers() -> None:
    assert torch.equal(draw(1, "a"), draw(1, "a"))


def test_seed_and_name_are_not_confused() -> None:
    draws = [draw(1, "a"), draw(2, "a"), draw(1, "b"), draw(11, ":a"), draw(1, "1:a")]
    assert len({tuple(d.tolist()) for d in draws}) == len(draws)


def test_the_surrounding_stream_goes_on_even_after_an_error() -> None:
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    try:
        with named_seed(5, "a"):
            torch.rand(1)
            raise RuntimeError
    except RuntimeError:
        pass
    assert torch.equal(torch.rand(2), expected)
