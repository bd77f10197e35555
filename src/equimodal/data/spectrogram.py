"""Log-spectrograms of waveforms, on ``torch.stft``."""

from __future__ import annotations

import torch
from torch import Tensor

from equimodal.errors import BalanceError


def log_spectrogram(
    waveforms: Tensor,
    *,
    rate: float,
    n_fft: int = 256,
    hop: int = 128,
    low: float = 0.0,
    high: float | None = None,
    floor: float = 1e-6,
) -> Tensor:
    """Natural logarithm of the power per frequency bin: (N, T) -> (N, 1, bins, 1 + T // hop).

    Args:
        waveforms: one sound per row.
        rate: samples per second.
        n_fft: samples of the Hann window.
        hop: samples between two windows; the first is centred on sample 0.
        low: lowest frequency kept, in Hz.
        high: highest frequency kept, in Hz; the Nyquist frequency by default.
        floor: power added before the logarithm, so that silence is finite.

    Raises:
        BalanceError: the shape is not (N, T), or no bin lies from ``low`` to ``high``.
    """
    power = _power(waveforms, n_fft, hop)
    frequencies = torch.arange(power.shape[1]) * (rate / n_fft)
    kept = (frequencies >= low) & (frequencies <= (rate / 2 if high is None else high))
    if not kept.any():
        raise BalanceError(
            f"No frequency bin lies from {low:g} to {high} Hz at {rate / n_fft:g} Hz a bin; "
            "widen the range."
        )
    return (power[:, kept] + floor).log().unsqueeze(1)


def log_mel(
    waveforms: Tensor,
    *,
    rate: float,
    n_fft: int = 256,
    hop: int = 128,
    bands: int = 40,
    low: float = 0.0,
    high: float | None = None,
    floor: float = 1e-6,
) -> Tensor:
    """Natural logarithm of the power per mel band: (N, T) -> (N, 1, bands, 1 + T // hop).

    Arguments and errors are those of :func:`log_spectrogram`, with ``bands`` triangles spaced
    evenly on the mel scale from ``low`` to ``high`` Hz.
    """
    power = _power(waveforms, n_fft, hop)
    filters = mel_filters(
        bands, power.shape[1], rate=rate, low=low, high=rate / 2 if high is None else high
    )
    return (filters.to(power) @ power + floor).log().unsqueeze(1)


def mel_filters(bands: int, bins: int, *, rate: float, low: float, high: float) -> Tensor:
    """Triangles of height 1 on the mel scale ``2595 log10(1 + f / 700)``: -> (bands, bins).

    ``bins`` are the frequencies from 0 to ``rate / 2``. A band narrower than a bin interpolates
    between its two nearest bins, so that no band stays empty.

    Raises:
        BalanceError: fewer than one band, or ``0 <= low < high <= rate / 2`` does not hold.
    """
    if bands < 1 or not 0 <= low < high <= rate / 2:
        raise BalanceError(
            f"{bands} mel bands from {low:g} to {high:g} Hz at {rate:g} samples a second: "
            "write at least one band and 0 <= low < high <= rate / 2."
        )
    ends = 2595 * torch.log10(1 + torch.tensor([low, high], dtype=torch.float64) / 700)
    mels = torch.linspace(ends[0].item(), ends[1].item(), bands + 2, dtype=torch.float64)
    edges = 700 * (10 ** (mels / 2595) - 1)
    width = rate / 2 / (bins - 1)
    frequencies = torch.arange(bins, dtype=torch.float64) * width
    below = (edges[1:-1] - edges[:-2]).clamp_min(width).unsqueeze(1)
    above = (edges[2:] - edges[1:-1]).clamp_min(width).unsqueeze(1)
    offsets = frequencies - edges[1:-1].unsqueeze(1)
    return (1 - torch.maximum(-offsets / below, offsets / above)).clamp_min(0).float()


def _power(waveforms: Tensor, n_fft: int, hop: int) -> Tensor:
    """Power of each window, unit for a full-scale sine: (N, T) -> (N, 1 + n_fft // 2, frames)."""
    if waveforms.ndim != 2:
        raise BalanceError(
            f"Waveforms have the shape (N, T), found {tuple(waveforms.shape)}; "
            "give one sound per row."
        )
    window = torch.hann_window(n_fft, dtype=waveforms.dtype, device=waveforms.device)
    transform = torch.stft(
        waveforms, n_fft, hop, window=window, center=True, pad_mode="constant", return_complex=True
    )
    return (2 * transform.abs() / window.sum()).square()
