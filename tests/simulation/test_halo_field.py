import numpy as np
import pytest

from skastro.simulation._halo_field import draw_linear_fields


@pytest.mark.parametrize("shape", [(12, 15, 16), (9, 10, 15)])
def test_fields_are_linear(shape):
    def power(k):
        return 100 * k / (0.01 + k**2) ** 1.5

    cell, variances, contrasts = 4.0, [], []
    for seed in range(40):
        contrast, displacements, variance = draw_linear_fields(
            shape, cell, power, np.random.default_rng(seed)
        )
        contrasts.append(contrast)
        variances.append(contrast.var())
    assert contrast.dtype == np.float32
    waves = [2 * np.pi * np.fft.fftfreq(n, cell) for n in shape]
    waves = np.meshgrid(*waves, indexing="ij", sparse=True)
    length = np.sqrt(sum(wave**2 for wave in waves))
    expected = np.zeros(shape)
    expected[length > 0] = power(length[length > 0])
    expected *= np.exp(-((length * cell / 2) ** 2))
    assert variance == pytest.approx(expected.sum() / np.prod(shape) / cell**3, rel=1e-4)
    error = np.std(variances, ddof=1) / np.sqrt(len(variances))
    assert abs(np.mean(variances) - variance) < 4 * error
    found = np.mean(np.abs(np.fft.fftn(contrasts, axes=(1, 2, 3))) ** 2, axis=0)
    found *= cell**3 / np.prod(shape)
    for low, high in ((0, 0.2), (0.2, 0.4), (0.4, 0.8)):
        band = (length > low) & (length <= high)
        ratio = np.mean(found[band] / expected[band])
        assert abs(ratio - 1) < 4 * np.sqrt(2 / 40 / band.sum())
    # Minus the divergence of the displacement is the contrast, but for the modes of no sign.
    modes = np.fft.fftn(contrast)
    for axis, displacement in enumerate(displacements):
        signed = 2 * np.arange(shape[axis]) != shape[axis]
        wave = waves[axis] * np.moveaxis(signed.reshape(-1, 1, 1), 0, axis)
        longitudinal = np.zeros(shape, complex)
        np.divide(1j * wave * modes, length**2, out=longitudinal, where=length > 0)
        expected = np.fft.ifftn(longitudinal).real
        np.testing.assert_allclose(displacement, expected, atol=2e-5 * np.abs(expected).max())
