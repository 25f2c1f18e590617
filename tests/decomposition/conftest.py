"""Smooth random maps."""

import numpy as np
import pytest


@pytest.fixture
def smooth():
    """Make maps of shape (n, [c,] *spatial) with more power on large scales than on small."""

    def make(shape, *, offset=0.0, seed=0):
        draws = np.random.default_rng(seed).normal(size=shape)
        axes = tuple(range(1, len(shape)))
        waves = np.meshgrid(*(np.fft.fftfreq(shape[a]) for a in axes), indexing="ij")
        amplitude = 1 / (0.05 + np.sqrt(sum(wave**2 for wave in waves)))
        maps = np.fft.ifftn(np.fft.fftn(draws, axes=axes) * amplitude, axes=axes).real
        return (maps + offset).astype(np.float32)

    return make
