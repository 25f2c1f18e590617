import numpy as np
import pytest
from scipy import fft
from sklearn.metrics import r2_score
from sklearn.utils import Bunch

from skastro.simulation import make_gaussian_fields, make_lognormal_fields, optimal_prediction
from skastro.statistics import PowerSpectrum

THETA = np.array([0.3, -1.5])


def covariance(shape, lengths, pivot, theta, noise):
    """Covariance of the cells of a field, by a sum of cosines over its modes."""
    cells = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1).reshape(-1, len(shape))
    found = np.zeros((len(cells), len(cells)))
    for mode in cells[1:]:
        signed = [m - n if m > n // 2 else m for m, n in zip(mode, shape, strict=True)]
        k = 2 * np.pi * np.linalg.norm(np.array(signed) / lengths)
        phase = cells @ (2 * np.pi * mode / shape)
        power = np.exp(theta[0]) * (k / pivot) ** theta[1] + noise**2
        found += power * np.cos(phase[:, None] - phase)
    return found / len(cells)


def fisher_by_brute_force(shape, lengths, pivot, theta, noise, step=1e-4):
    """Half the trace of the products of inverse and derivatives of the covariance."""
    inverse = np.linalg.pinv(covariance(shape, lengths, pivot, theta, noise), hermitian=True)
    parts = []
    for shift in np.eye(2) * step:
        above, below = (
            covariance(shape, lengths, pivot, point, noise)
            for point in (theta + shift, theta - shift)
        )
        parts.append(inverse @ (above - below) / (2 * step))
    return np.array([[np.trace(a @ b) / 2 for b in parts] for a in parts])


@pytest.mark.parametrize(
    ("shape", "box_size", "noise"),
    [((4, 5), [3.0, 7.0], 0.0), ((4, 5), None, 0.8), ((7,), 2.0, 0.5), ((2, 3, 4), None, 0.3)],
)
def test_fisher_matrix_is_that_of_the_covariance_of_the_cells(shape, box_size, noise):
    data = make_gaussian_fields(2, shape, box_size=box_size, noise=noise, target=THETA)
    wanted = fisher_by_brute_force(shape, data.box_size, data.k_pivot, THETA, noise)
    np.testing.assert_allclose(data.fisher[1], wanted, rtol=1e-5, atol=1e-6)


def test_cells_have_the_covariance_of_the_spectrum():
    data = make_gaussian_fields(1500, (4, 5), box_size=[3.0, 7.0], noise=0.8, target=THETA)
    cells = data.maps.reshape(1500, -1)
    wanted = covariance((4, 5), data.box_size, data.k_pivot, THETA, 0.8)
    errors = np.sqrt((wanted**2 + np.outer(*[wanted.diagonal()] * 2)) / 1500)
    deviations = (cells.T @ cells / 1500 - wanted) / errors
    assert np.abs(deviations).max() < 4.5
    assert 0.6 < deviations.std() < 1.4
    np.testing.assert_allclose(cells.mean(1), 0, atol=1e-6)


def test_spectrum_of_maps_has_amplitude_slope_and_units():
    data = make_gaussian_fields(300, (24, 16), box_size=[12.0, 10.0], target=[1.2, -2.0])
    spectrum = PowerSpectrum(30, box_size=data.box_size, k_range=(None, np.inf)).fit(data.maps)
    cell = 0.5 * 0.625
    # Within a bin the power is not constant, so single modes of the model are averaged alike.
    k = np.sqrt(
        (2 * np.pi * fft.fftfreq(24, 0.5))[:, None] ** 2 + (2 * np.pi * fft.fftfreq(16, 0.625)) ** 2
    ).ravel()[1:]
    model = np.exp(1.2) * cell * (k / data.k_pivot) ** -2
    binned = np.clip(np.searchsorted(spectrum.k_edges_ * (1 - 1e-9), k, side="right") - 1, 0, None)
    binned = np.minimum(binned, len(spectrum.k_) - 1)
    wanted = np.bincount(binned, model) / np.bincount(binned)
    errors = np.sqrt(np.bincount(binned, model**2) * 2 / 300) / np.bincount(binned)
    deviations = (spectrum.transform(data.maps).mean(0) - wanted) / errors
    assert np.abs(deviations).max() < 4
    assert data.k_pivot == pytest.approx(np.exp(np.log(k).mean()))


def test_score_is_the_gradient_of_the_likelihood():
    data = make_gaussian_fields(2, (4, 5), noise=0.4, random_state=3)

    def log_likelihood(point, map_):
        matrix = covariance((4, 5), data.box_size, data.k_pivot, point, 0.4)
        values = np.linalg.eigvalsh(matrix)[1:]
        return -0.5 * (np.log(values).sum() + map_ @ np.linalg.pinv(matrix, hermitian=True) @ map_)

    cells = data.maps[1].ravel().astype(float)
    wanted = [
        (log_likelihood(data.target[1] + h, cells) - log_likelihood(data.target[1] - h, cells))
        / 2e-4
        for h in np.eye(2) * 1e-4
    ]
    np.testing.assert_allclose(data.score[1], wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("noise", [0.0, 0.7])
def test_scores_have_the_covariance_of_the_fisher_matrix(noise):
    data = make_gaussian_fields(1500, (8, 9), noise=noise, target=THETA)
    root = np.linalg.cholesky(data.fisher[0])
    white = np.linalg.solve(root, data.score.T)
    np.testing.assert_allclose(white @ white.T / 1500, np.eye(2), atol=0.13)
    np.testing.assert_allclose(white.mean(1), 0, atol=0.1)


@pytest.mark.parametrize("make", [make_gaussian_fields, make_lognormal_fields])
def test_first_maps_of_a_larger_set_are_those_of_a_smaller_one(make):
    many, few = make(9, (7, 8, 9), random_state=4), make(3, (7, 8, 9), random_state=4)
    for name in ("maps", "target", "score", "fisher"):
        np.testing.assert_array_equal(many[name][:3], few[name])
    assert not np.array_equal(make(3, (7, 8, 9), random_state=5).maps, few.maps)
    assert many.maps.dtype == np.float32
    np.testing.assert_array_equal(many.groups, np.arange(9))


def test_equal_seeds_have_equal_phases_at_other_parameters():
    drawn = make_gaussian_fields(4, (8, 6))
    again = make_gaussian_fields(4, (8, 6), target=drawn.target)
    np.testing.assert_array_equal(again.maps, drawn.maps)
    brighter = make_gaussian_fields(4, (8, 6), target=drawn.target + np.array([np.log(4.0), 0]))
    np.testing.assert_allclose(brighter.maps, 2 * drawn.maps, rtol=1e-5)
    steeper = make_gaussian_fields(4, (8, 6), target=drawn.target + np.array([0, -1]))
    first, second = (fft.rfft2(data.maps)[:, 1:] for data in (drawn, steeper))
    np.testing.assert_allclose(np.angle(first / second), 0, atol=1e-3)


def test_parameters_fill_their_ranges_uniformly():
    data = make_gaussian_fields(1000, (2,), amplitude=(0.1, 10.0), slope=(-1.0, 3.0))
    np.testing.assert_allclose(data.parameter_ranges, [[-np.log(10), np.log(10)], [-1, 3]])
    low, high = data.parameter_ranges.T
    unit = (data.target - low) / (high - low)
    assert unit.min() > 0
    assert unit.max() < 1
    np.testing.assert_allclose(unit.mean(0), 0.5, atol=0.04)
    np.testing.assert_allclose(unit.var(0), 1 / 12, atol=0.008)
    assert abs(np.corrcoef(unit.T)[0, 1]) < 0.11
    assert data.target_names == ["ln_amplitude", "slope"]


def test_lognormal_fields_hold_the_gaussian_ones():
    options = {"amplitude": (0.25, 1.0), "random_state": 2}
    lognormal = make_lognormal_fields(5, (9, 8), **options)
    gaussian = make_gaussian_fields(5, (9, 8), **options)
    logs = np.log(lognormal.maps)
    np.testing.assert_allclose(
        logs - logs.mean((1, 2), keepdims=True), gaussian.maps, atol=2e-6, rtol=1e-5
    )
    np.testing.assert_allclose(lognormal.maps.mean((1, 2)), 1, rtol=1e-6)
    np.testing.assert_array_equal(lognormal.fisher, gaussian.fisher)
    np.testing.assert_array_equal(lognormal.score, gaussian.score)
    np.testing.assert_allclose(
        optimal_prediction(lognormal), optimal_prediction(gaussian), atol=1e-5
    )
    spread = np.log(make_lognormal_fields(50).maps).std((1, 2))
    assert 0.8 < np.median(spread) < 1.3


def test_posterior_is_that_of_the_covariance_on_a_grid():
    data = make_gaussian_fields(3, (4, 5), noise=0.5, box_size=[3.0, 7.0], random_state=8)
    # Midpoints of small cells; far finer than the widths of the posteriors.
    axes = [low + (high - low) * (np.arange(25) + 0.5) / 25 for low, high in data.parameter_ranges]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
    cells = data.maps.reshape(3, -1).astype(float)
    logs = []
    for theta in grid:
        matrix = covariance((4, 5), data.box_size, data.k_pivot, theta, 0.5)
        values, vectors = np.linalg.eigh(matrix)
        squares = (cells @ vectors[:, 1:]) ** 2 / values[1:]
        logs.append(-0.5 * (np.log(values[1:]).sum() + squares.sum(1)))
    weights = np.exp(np.array(logs) - np.max(logs, axis=0))
    weights /= weights.sum(0)
    mean, cov = optimal_prediction(data, return_cov=True)
    wanted = weights.T @ grid
    np.testing.assert_allclose(mean, wanted, atol=1e-3)
    for i in range(3):
        np.testing.assert_allclose(
            cov[i], np.cov(grid.T, aweights=weights[:, i], ddof=0), rtol=5e-3, atol=1e-4
        )


def test_posterior_some_nodes_at_a_time(monkeypatch):
    data = make_lognormal_fields(5, (9, 8), random_state=2)
    expected = optimal_prediction(data, return_cov=True)
    module = "skastro.simulation._random_fields_posterior"
    monkeypatch.setattr(f"{module}._VALUES_AT_ONCE", 1000)
    for found, wanted in zip(optimal_prediction(data, return_cov=True), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("make", "value", "match"),
    [
        (make_gaussian_fields, np.nan, "takes gaussian maps whose values are all finite"),
        (make_lognormal_fields, np.inf, "takes lognormal maps whose values are all .* above zero"),
        (make_lognormal_fields, 0.0, "takes lognormal maps whose values are all .* above zero"),
    ],
)
def test_posterior_of_other_maps(make, value, match):
    data = make(3, (4, 5))
    data.maps[2, 1, 3] = value
    with pytest.raises(ValueError, match=f"optimal_prediction {match}"):
        optimal_prediction(data)


def test_posterior_is_calibrated_and_best():
    data = make_gaussian_fields(600, (16, 12), random_state=11)
    mean, cov = optimal_prediction(data, return_cov=True)
    errors = data.target - mean
    chi2 = np.einsum("ni,nij,nj->n", errors, np.linalg.inv(cov), errors)
    assert chi2.mean() == pytest.approx(2, abs=0.25)
    # A tenth of what is posterior to the truth is beyond its 90 per cent.
    assert np.mean(chi2 > 2 * np.log(10)) == pytest.approx(0.1, abs=0.04)
    assert (np.linalg.inv(data.fisher[0]).diagonal() > 0.9 * cov.mean(0).diagonal()).all()
    assert (r2_score(data.target, mean, multioutput="raw_values") > 0.86).all()
    some = Bunch(**{**data, "maps": data.maps[5:8]})
    np.testing.assert_allclose(optimal_prediction(some), mean[5:8], rtol=1e-10)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"n_samples": 0}, ValueError, "n_samples"),
        ({"n_samples": 2.0}, TypeError, "n_samples"),
        ({"shape": 8}, TypeError, "'shape' parameter of make_gaussian_fields"),
        ({"shape": (1, 1)}, ValueError, "'shape' parameter"),
        ({"shape": (2, 2, 2, 2)}, ValueError, "one to three"),
        ({"box_size": [1.0, -1.0]}, ValueError, "box_size"),
        ({"amplitude": (0.0, 1.0)}, ValueError, "'amplitude'.*increasing pair of numbers above"),
        ({"slope": (1.0, -1.0)}, ValueError, "'slope'.*increasing"),
        ({"slope": "steep"}, ValueError, "'slope'"),
        ({"noise": -1.0}, ValueError, "'noise'.*zero or greater"),
        ({"target": [[0.0, np.nan]] * 3}, ValueError, r"\(3, 2\)"),
        ({"target": [[0.0, 1.0]] * 2}, ValueError, "'target'"),
        ({"random_state": -1}, ValueError, "random_state"),
    ],
)
def test_errors_name_the_parameter(options, error, match):
    with pytest.raises(error, match=match):
        make_gaussian_fields(**{"n_samples": 3, "shape": (4, 5), **options})


def test_lognormal_errors_name_the_function():
    with pytest.raises(ValueError, match="make_lognormal_fields"):
        make_lognormal_fields(3, (4, 5), slope=(0.0, 0.0))
