"""Mock boxes beside boxes of 21cmFAST, at equal redshift and mean neutral fraction.

The tolerances are of a few boxes: they cover the scatter between the phases as well.
"""

import h5py
import numpy as np
import pytest

pytest.importorskip("colossus")

import itertools

from skastro.datasets import load_reionization_slices
from skastro.simulation import make_ionized_boxes

EFFICIENCY = 227  # per escape fraction, tuned to the mean neutral fraction at one redshift
IONIZED = 1.0  # mK


@pytest.fixture(scope="module")
def real():
    return load_reionization_slices(fields=["density", "brightness_temp"], sample="cube")


@pytest.fixture(scope="module")
def history():
    return make_ionized_boxes(
        4,
        redshift=[6, 7, 8, 9, 11, 13],
        efficiency=[EFFICIENCY * 0.06, EFFICIENCY * 0.16],
        fields="density",
        random_state=0,
    )


def test_history_with_one_efficiency(real, history):
    mock = history.mean_xHI.reshape(4, 2, 6).mean(axis=0)
    for f_esc, found in zip((0.06, 0.16), mock, strict=True):
        expected = [
            real.mean_xHI[(real.f_esc == f_esc) & (real.redshift == z)].mean()
            for z in (6, 7, 8, 9, 11, 13)
        ]
        np.testing.assert_allclose(found, expected, atol=0.06)
        assert np.ptp(expected) > 0.8


def test_distribution_of_the_density(real, history):
    # The slices of the real boxes have an rms 5 % below that of the whole boxes.
    percentages = [1, 10, 50, 90, 99]
    for number, z in enumerate((6, 7, 8, 9, 11, 13)):
        truth = real.maps[real.redshift == z, 0]
        mock = history.maps[number::6]
        assert mock.std() / truth.std() == pytest.approx(1, abs=0.1)
        np.testing.assert_allclose(
            np.percentile(mock, percentages) / mock.std(),
            np.percentile(truth, percentages) / truth.std(),
            atol=0.1,
        )


def test_rms_of_the_density_of_whole_boxes(data_dir, history):
    paths = sorted((data_dir / "reionization" / "slices").glob("*.h5"))
    if not paths:
        pytest.skip(f"No slices of 21cmFAST are in {str(data_dir / 'reionization')!r}.")
    rows = {6: 0, 7: 2, 8: 4, 9: 6, 11: 10, 13: 14}
    spreads = []
    for path in paths:
        with h5py.File(path) as file:
            spreads.append(file["std_density"][:])
    truth = np.mean(spreads, axis=0)[list(rows.values())]
    mock = [history.maps[number::6].std() for number in range(6)]
    np.testing.assert_allclose(mock, truth, rtol=0.03)


def power(slices):
    modes = np.abs(np.fft.fft2(slices - slices.mean(axis=(-2, -1), keepdims=True))) ** 2
    length = 64 * np.hypot(*np.meshgrid(*[np.fft.fftfreq(64)] * 2))
    edges = [1.5, 3.5, 6.5, 12.5, 20.5, 32]
    return np.array(
        [
            modes[..., (length >= low) & (length < high)].mean()
            for low, high in itertools.pairwise(edges)
        ]
    )


def mean_chord(ionized):
    """Mean length, by ionized length, of the ionized runs of rows and columns, cut at the edge."""
    total = weighted = 0
    for lines in (ionized, ionized.swapaxes(-1, -2)):
        padded = np.pad(lines.reshape(-1, 64), ((0, 0), (1, 1))).astype(int)
        change = np.diff(padded, axis=1)
        lengths = np.argwhere(change == -1)[:, 1] - np.argwhere(change == 1)[:, 1]
        total += lengths.sum()
        weighted += (lengths**2).sum()
    return weighted / total


def test_chords_of_bars():
    bars = np.zeros((2, 64, 64), dtype=bool)
    bars[:, 10:14] = True
    assert mean_chord(bars) == (4 + 64) / 2


@pytest.mark.parametrize("level", [0.75, 0.5, 0.25])
def test_bubbles_and_power_at_equal_neutral_fraction(real, level):
    truth, mock = [], []
    for number, seed in enumerate(np.unique(real.groups)):
        rows = np.flatnonzero((real.groups == seed) & (real.f_esc == (0.06, 0.16)[number % 2]))
        row = rows[np.argmin(np.abs(real.mean_xHI[rows] - level))]
        box = make_ionized_boxes(
            redshift=real.redshift[row],
            mean_xHI=real.mean_xHI[row],
            fields="brightness_temp",
            random_state=number,
        )
        assert box.mean_xHI[0] == pytest.approx(real.mean_xHI[row], abs=2e-3)
        truth.append(real.maps[row, 1])
        mock.append(np.moveaxis(box.maps[0, 0], -1, 0)[::8])
    truth, mock = np.concatenate(truth), np.concatenate(mock)
    assert mean_chord(mock < IONIZED) == pytest.approx(mean_chord(truth < IONIZED), rel=0.3)
    ratio = power(mock) / power(truth)
    assert np.all((ratio > 0.7) & (ratio < 1.4)), ratio
