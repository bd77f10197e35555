import math

import pytest
import torch

from equimodal.data.spectrogram import log_mel, log_spectrogram, mel_filters
from equimodal.errors import BalanceError

RATE = 8000


def tone(frequency: float, samples: int = 2048) -> torch.Tensor:
    times = torch.arange(samples, dtype=torch.float64) / RATE
    return torch.sin(2 * math.pi * frequency * times)[None]


def test_a_full_scale_sine_has_power_one_at_its_bin() -> None:
    spectrogram = log_spectrogram(tone(1000), rate=RATE, n_fft=256, hop=128)
    middle = spectrogram[0, 0, :, 8]
    assert spectrogram.shape == (1, 1, 129, 17)
    assert middle.argmax().item() == 1000 // (RATE // 256)
    assert middle.max().exp().item() == pytest.approx(1, rel=1e-5)


def test_it_equals_a_slow_fourier_sum() -> None:
    wave = torch.randn(1, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = log_spectrogram(wave, rate=RATE, n_fft=8, hop=4, floor=1e-3)
    padded = torch.cat([torch.zeros(4), wave[0], torch.zeros(4)])
    window = [0.5 - 0.5 * math.cos(2 * math.pi * n / 8) for n in range(8)]
    for frame in range(11):
        for k in range(5):
            terms = [
                padded[frame * 4 + n].item()
                * window[n]
                * complex(math.cos(2 * math.pi * k * n / 8), -math.sin(2 * math.pi * k * n / 8))
                for n in range(8)
            ]
            power = (2 * abs(sum(terms)) / sum(window)) ** 2
            assert found[0, 0, k, frame].item() == pytest.approx(math.log(power + 1e-3), abs=1e-9)


def test_only_bins_within_the_range_are_kept() -> None:
    whole = log_spectrogram(tone(1000), rate=RATE, n_fft=128, hop=64)
    part = log_spectrogram(tone(1000), rate=RATE, n_fft=128, hop=64, low=590, high=1570)
    # Bins lie 62.5 Hz apart: 10 (625 Hz) to 25 (1562.5 Hz).
    assert torch.equal(part, whole[:, :, 10:26])


def test_silence_is_the_floor() -> None:
    silent = torch.zeros(2, 512)
    assert torch.allclose(log_spectrogram(silent, rate=RATE), torch.tensor(math.log(1e-6)))
    assert torch.allclose(log_mel(silent, rate=RATE, floor=0.5), torch.tensor(math.log(0.5)))


def test_a_tone_is_loudest_in_the_mel_band_around_it() -> None:
    mel = log_mel(tone(1000), rate=RATE, n_fft=512, hop=128, bands=20)
    # 2595 log10(1 + f / 700): 1000 Hz is mel 1000, the Nyquist frequency 2146; 21 steps of 102.2.
    assert mel.shape == (1, 1, 20, 17)
    assert mel[0, 0, :, 8].argmax().item() == round(1000 / (2146.06 / 21)) - 1


def test_wide_mel_filters_are_triangles_from_edge_to_edge() -> None:
    filters = mel_filters(1, 4001, rate=RATE, low=0, high=4000)
    centre = 700 * (10 ** (2146.0645 / 2 / 2595) - 1)
    expected = [f / centre if f < centre else (4000 - f) / (4000 - centre) for f in range(4001)]
    torch.testing.assert_close(filters[0], torch.tensor(expected), atol=1e-4, rtol=0)


def test_no_mel_band_is_empty_however_narrow() -> None:
    filters = mel_filters(80, 65, rate=RATE, low=0, high=4000)
    assert (filters.sum(1) > 0.4).all() and filters.max() <= 1


@pytest.mark.parametrize(
    ("bands", "low", "high"), [(0, 0, 4000), (4, 500, 500), (4, -1, 4000), (4, 0, 5000)]
)
def test_impossible_mel_bands_are_refused(bands: int, low: float, high: float) -> None:
    with pytest.raises(BalanceError, match="0 <= low < high <= rate / 2"):
        mel_filters(bands, 65, rate=RATE, low=low, high=high)


def test_a_range_without_a_bin_and_a_wrong_shape_are_refused() -> None:
    with pytest.raises(BalanceError, match="No frequency bin lies from 1001 to 1002 Hz"):
        log_spectrogram(tone(1000), rate=RATE, low=1001, high=1002)
    with pytest.raises(BalanceError, match=r"shape \(N, T\), found \(2048,\)"):
        log_spectrogram(tone(1000)[0], rate=RATE)
