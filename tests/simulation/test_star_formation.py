"""Star-formation rates of haloes."""

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad
from scipy.interpolate import RectBivariateSpline
from sklearn.base import clone

from skastro.exceptions import DatasetFormatError, DatasetNotFoundError
from skastro.simulation import Li16, SFRTable, star_formation_rate

LOG_MASS = np.array([9.0, 9.5, 10.1, 11.0, 12.0, 13.0])
GROWTH = np.array([1.0, 1.5, 2.0, 2.9, 4.0])


@pytest.fixture
def rates():
    generator = np.random.default_rng(0)
    log_rate = generator.uniform(-3, 2, (LOG_MASS.size, GROWTH.size)).round(6)
    log_rate[-1, -1] = -1000.0
    return log_rate


@pytest.fixture
def table(rates, tmp_path):
    lines = ["#(1+z) Log10(Halo Mass) Log10(<SFR>) Log10(Median SM)"]
    for mass, row in zip(LOG_MASS, rates, strict=True):
        lines += [f"{g:.6f} {mass:.6f} {r:.6f} 9.0" for g, r in zip(GROWTH, row, strict=True)]
    path = tmp_path / "sfr.dat"
    path.write_text("\n".join(lines) + "\n")
    return SFRTable(path)


def test_table_is_bilinear_in_logarithms(table, rates):
    generator = np.random.default_rng(1)
    log_mass, log_growth = generator.uniform(9, 13, 40000), generator.uniform(0, np.log10(4), 40000)
    linear = np.where(rates == -1000, 0, 10**rates)
    spline = RectBivariateSpline(LOG_MASS, np.log10(GROWTH), linear, kx=1, ky=1)
    found = table(10**log_mass, 10**log_growth - 1)
    assert_allclose(found, spline.ev(log_mass, log_growth), rtol=1e-11, atol=1e-12)


def test_table_nodes_and_edges(table, rates):
    assert_allclose(table([10**10.1], [1.9]), 10 ** rates[2, 3], rtol=1e-12)
    assert table([1e13], [3.0]) == 0.0
    low, high = table([1e8, 1e14], [1.0, 1.0])
    assert_allclose([low, high], 10 ** rates[[0, -1], 2], rtol=1e-12)


def test_table_in_a_model(table):
    model = clone(Li16(sfr=table))
    assert repr(table) in repr(model)
    assert_allclose(model.sfr([1e11], [1.0]), table([1e11], [1.0]))


def test_order_of_lines_does_not_matter(table, tmp_path):
    lines = table.path.read_text().splitlines()[1:]
    other = tmp_path / "turned.dat"
    other.write_text("\n".join(lines[::-1]))
    assert_array_equal(SFRTable(other)([2e11], [0.7]), table([2e11], [0.7]))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("1.0 9.0\n", "log10 SFR"),
        ("1.0 9.0 x\n", "log10 SFR"),
        ("1.0 9.0 0.0\n2.0 9.0 0.0\n", "full grid"),
        ("1 9 0\n2 9 0\n1 10 0\n", "full grid"),
        ("1 9 0\n2 9 0\n1 10 0\n1 10 0\n", "once"),
        ("1 9 0\n2 9 nan\n1 10 0\n2 10 0\n", "finite"),
        ("0 9 0\n2 9 0\n0 10 0\n2 10 0\n", "1 \\+ z > 0"),
    ],
)
def test_bad_tables(text, match, tmp_path):
    path = tmp_path / "bad.dat"
    path.write_text(text)
    with pytest.raises(DatasetFormatError, match=match):
        SFRTable(path)


def test_no_table(tmp_path):
    with pytest.raises(DatasetNotFoundError, match="SFRTable"):
        SFRTable(tmp_path / "none.dat")
    with pytest.raises(TypeError, match="'path'"):
        SFRTable(3)


@pytest.mark.parametrize("relation", ["table", "closed form"])
def test_haloes_out_of_range(relation, table):
    relation = table if relation == "table" else star_formation_rate
    with pytest.raises(ValueError, match=r"redshifts from 0\.00"):
        relation([1e11, 1e11], [1.0, 9.0])
    with pytest.raises(ValueError, match="redshifts"):
        relation([1e11], [np.nan])
    with pytest.raises(ValueError, match="positive masses"):
        relation([0.0], [1.0])
    with pytest.raises(ValueError, match="one shape"):
        relation([1e11, 1e12], [1.0])


def stellar_mass(mass, z):
    """Median stellar mass of Behroozi et al. (2013), in the notation of its table 2."""
    a = 1 / (1 + z)
    nu = np.exp(-4 * a * a)
    m1 = 10 ** (11.514 + nu * (-1.793 * (a - 1) - 0.251 * z))
    epsilon = 10 ** (-1.777 + nu * -0.006 * (a - 1) - 0.119 * (a - 1))
    alpha, delta = -1.412 + nu * 0.731 * (a - 1), 3.508 + nu * (2.608 * (a - 1) - 0.043 * z)
    gamma = 0.316 + nu * (1.319 * (a - 1) + 0.279 * z)

    def f(x):
        bend = delta * np.log10(1 + np.exp(x)) ** gamma / (1 + np.exp(10**-x))
        return -np.log10(10 ** (alpha * x) + 1) + bend

    return epsilon * m1 * 10 ** (f(np.log10(mass / m1)) - f(0.0))


def halo_mass(today, z):
    """Median progenitor mass of Behroozi et al. (2013)."""
    thirteen = 10**13.276 * (1 + z) ** 3 * (1 + z / 2) ** -6.11 * np.exp(-0.503 * z)
    a0 = 0.205 - np.log10((10**9.649 / today) ** 0.18 + 1)
    g = (1 + np.exp(-4.651 * (1 - a0))) / (1 + np.exp(-4.651 * (1 / (1 + z) - a0)))
    return thirteen * (today / 10**13.276) ** g


@pytest.mark.parametrize("today", [3e10, 1e12, 2e13, 4e14])
def test_stars_formed_add_up_to_the_stellar_mass(today):
    """The integral of the rates over time, less what returns, is the growth of the mean."""
    cosmology = FlatLambdaCDM(70, 0.27)

    def mean(z):
        scatter = np.log(10) * 0.218
        return stellar_mass(halo_mass(today, z), z) * np.exp(scatter**2 / 2)

    def formed(z):
        step = (cosmology.age(z - 1e-3) - cosmology.age(z + 1e-3)).to_value("yr") / 2e-3
        scatter = np.log(10) * (0.218 + 0.023 * z / (1 + z))
        relative = np.exp(scatter**2 / 2 - (np.log(10) * 0.218) ** 2 / 2)
        return star_formation_rate([halo_mass(today, z)], [z])[0] * step / relative

    total = 0.59 * quad(formed, 2.5, 3.5, epsrel=1e-4, limit=200)[0]
    assert_allclose(total, mean(2.5) - mean(3.5), rtol=3e-3)


def test_closed_form_resembles_the_published_table():
    """Values read off the table of Behroozi et al. (2013) at 1e11 and 1e12 Msun and z = 2.9."""
    found = np.log10(star_formation_rate([1e11, 1e12, 1e13], [2.9, 2.9, 2.9]))
    assert_allclose(found, [-0.22, 1.86, 2.04], atol=0.08)
