"""Relations of haloes and luminosities."""

import numpy as np
import pytest
from astropy import units
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.base import clone

from skastro.simulation import (
    Chung22,
    Li16,
    LuminosityModel,
    Padmanabhan18,
    PowerLaw,
    Silva15,
    log_normal_scatter,
)

TRUNCATED = 2.302585 / np.log(10)
MODELS = [Chung22(), Li16(), Padmanabhan18(sigma=0.3), PowerLaw(sigma=0.3), Silva15(sigma_sfr=0.2)]
LIKE_LIMLAM = {"conversion": 4.9e-5}


def some_haloes(haloes, n=2000, seed=0):
    generator = np.random.default_rng(seed)
    return haloes(10 ** generator.uniform(10.5, 13.5, n), generator.uniform(2.4, 3.4, n))


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("a_li_noscatter", (0.0, 1.37, -1.74, 0.3, 0.0)),
        ("a_li", (0.0, 1.37, -1.74, 0.3, 0.3)),
        ("a_li_alt", (0.1, 1.2, -0.5, 0.2, 0.4)),
        ("c_subfield_li_noscatter", (0.0, 1.37, -1.74, 0.3, 0.0)),
    ],
)
def test_li16_agrees_with_limlam_mocker(limlam, name, parameters):
    """The star-formation rates of the reference have their scatter already."""
    found, _, catalog = limlam(name)
    names = ("log_delta_mf", "alpha", "beta", "sigma_sfr", "sigma_lco")
    parameters = dict(zip(names, parameters, strict=True))
    parameters |= {"sigma_sfr": 0.0, "sigma_lco": parameters["sigma_lco"] * TRUNCATED}
    model = Li16(**parameters, **LIKE_LIMLAM, sfr=lambda M, z: found.halo_sfr)
    L = model.luminosity(catalog, random_state=(13579, 27158))
    assert_allclose(L, found.halo_L, rtol=1e-13)


def test_scatter_of_rates_agrees_with_limlam_mocker(limlam):
    smooth, _, catalog = limlam("a_li_noscatter")
    for name, dex in (("a_li", 0.3), ("a_li_alt", 0.2)):
        found = limlam(name)[0]
        rates = log_normal_scatter(smooth.halo_sfr, dex * TRUNCATED, 13579, mass=catalog.M)
        assert_allclose(rates, found.halo_sfr, rtol=1e-13)


def test_padmanabhan18_agrees_with_limlam_mocker(limlam):
    found, _, catalog = limlam("a_padmanabhan")
    L = Padmanabhan18(**LIKE_LIMLAM).luminosity(catalog)
    assert_allclose(L, found.halo_L, rtol=1e-13)


def test_equations_by_hand(haloes):
    halo = haloes([3e12], [2.6])
    ratio = 3e12 / 10**12.3
    expected = 4.9e-5 * 10**10.63 / (ratio**-2.85 + ratio**-0.42)
    assert_allclose(Chung22(sigma=0.0, **LIKE_LIMLAM).luminosity(halo), expected, rtol=1e-13)
    assert_allclose(PowerLaw(3e-7, 1.1).luminosity(halo), 3e-7 * 3e12**1.1, rtol=1e-13)
    rate = {"sfr": lambda M, z: 20.0 * np.ones(1)}
    expected = 4.9e-5 * 10 ** ((np.log10(20) + 10 - 0.2 - 0.21) / 1.17)
    model = Li16(0.2, 1.17, 0.21, 0.0, 0.0, **rate, **LIKE_LIMLAM)
    assert_allclose(model.luminosity(halo), expected, rtol=1e-13)
    expected = 10 ** (0.8475 * np.log10(20) + 7.2203)
    assert_allclose(Silva15(**rate).luminosity(halo), expected, rtol=1e-13)


def test_conversion_of_units(haloes):
    halo = haloes([1e12])
    plain = Chung22(sigma=0.0, conversion=1.0).luminosity(halo)
    found = Chung22(sigma=0.0).luminosity(halo) / plain
    assert_allclose(found, 4.907e-5, rtol=3e-4)
    second = Chung22(sigma=0.0, line="CO(2-1)").luminosity(halo) / plain
    assert_allclose(second / found, (230.538 / 115.2712018) ** 3, rtol=1e-12)
    for line in (230.538, 230538.0 * units.MHz):
        other = Chung22(sigma=0.0, line=line).luminosity(halo) / plain
        assert_allclose(other, second, rtol=1e-12)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_parameters(model, haloes):
    other = clone(model)
    assert other.get_params() == model.get_params()
    assert repr(other) == repr(model)
    assert isinstance(model, LuminosityModel)
    found = some_haloes(haloes)
    L = model.luminosity(found, random_state=5)
    assert_array_equal(L, other.luminosity(found, random_state=5))
    assert not np.array_equal(L, other.luminosity(found, random_state=6))
    assert L.shape == (2000,)
    assert (L > 0).all()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_mass_cut_keeps_the_draws_of_heavier_haloes(model, dtype, haloes):
    found = some_haloes(haloes)
    found.M = found.M.astype(dtype)
    heavy = found.M > 1e12
    kept = haloes(found.M[heavy], found.zhalo[heavy])
    L = model.luminosity(found, random_state=1)
    assert_array_equal(model.luminosity(kept, random_state=1), L[heavy])


def test_seeds_of_each_kind(haloes):
    found, model = some_haloes(haloes, 50), Li16()
    pair = model.luminosity(found, (3, 4))
    same = model.luminosity(found, [np.random.RandomState(3), np.random.RandomState(4)])
    assert_array_equal(pair, same)
    for kind in (np.random.RandomState, np.random.default_rng):
        first = model.luminosity(found, kind(8))
        assert_array_equal(first, model.luminosity(found, kind(8)))
    assert (model.luminosity(found) != model.luminosity(found)).all()
    with pytest.raises(ValueError, match=r"'random_state'.*sequence of 2"):
        model.luminosity(found, (1, 2, 3))
    with pytest.raises(ValueError, match="'random_state'"):
        model.luminosity(found, "seed")


def test_scatters_of_rate_and_line_are_independent(haloes):
    halo = haloes(np.full(40000, 1e12))
    rate = {"sfr": lambda M, z: np.ones(M.shape)}
    both = Li16(sigma_sfr=0.3, sigma_lco=0.4, **rate).luminosity(halo, 0)
    expected = np.hypot(0.3 / 1.37, 0.4)
    for L in (both, Li16(sigma_sfr=0.3, sigma_lco=0.4, **rate).luminosity(halo, (0, 1))):
        assert_allclose(np.log10(L).std(), expected, rtol=0.02)
    smooth = Li16(sigma_sfr=0.0, sigma_lco=0.0, **rate).luminosity(halo)
    sigma = 0.3 * np.log(10)
    mean = np.exp(sigma**2 / 2 * (1 / 1.37**2 - 1 / 1.37))
    assert_allclose(both.mean() / smooth[0], mean, rtol=0.02)


def test_haloes_in_falling_order_have_the_same_luminosities(haloes):
    found = some_haloes(haloes)
    rows = np.argsort(-found.M, kind="stable")
    ordered = haloes(found.M[rows], found.zhalo[rows])
    assert_array_equal(Li16().luminosity(ordered, 4), Li16().luminosity(found, 4)[rows])


def test_log_normal_scatter_keeps_the_mean():
    values = np.tile([2.0, 7.0], 200000)
    scattered = log_normal_scatter(values, 0.37, 0)
    assert_allclose(scattered[::2].mean(), 2.0, rtol=0.01)
    assert_allclose(scattered[1::2].mean(), 7.0, rtol=0.01)
    assert_allclose(np.log10(scattered / values).std(), 0.37, rtol=0.01)
    assert_array_equal(log_normal_scatter([0.0, 3.0], 0.3, 0)[:1], [0.0])
    assert_array_equal(log_normal_scatter([1.0, 3.0], 0.0, 0), [1.0, 3.0])


def test_draws_go_by_falling_mass():
    mass = np.array([1e11, 5e13, 2e12, 2e12, 7e10])
    draws = np.random.RandomState(9).lognormal(-0.5 * np.log(10) ** 2, np.log(10), 5)
    found = log_normal_scatter(np.ones(5), 1.0, 9, mass=mass)
    assert_allclose(found[[1, 2, 3, 0, 4]], draws, rtol=1e-14)
    many = np.random.default_rng(0).lognormal(28, 2, 70000)
    found = log_normal_scatter(np.ones(70000), 0.2, np.random.default_rng(1), mass=many)
    sigma = 0.2 * np.log(10)
    expected = np.random.default_rng(1).lognormal(-0.5 * sigma**2, sigma, 70000)
    assert_allclose(found[np.argsort(-many, kind="stable")], expected, rtol=1e-14)


def test_priors():
    priors = Li16(alpha=5.0).priors
    assert_allclose([priors["alpha"].median(), priors["beta"].mean()], [1.17, 0.21], rtol=1e-2)
    assert_allclose(priors["beta"].std(), 3.74)
    assert priors["sigma_lco"].ppf(0) == 0.0
    assert set(Chung22().priors) == {"A", "B", "log_C", "log_M1", "sigma"}
    assert PowerLaw().priors == {}
    narrow = Li16().priors_about(0.1)
    found = {name: (prior.mean(), prior.std()) for name, prior in narrow.items()}
    expected = {
        "log_delta_mf": (0.0, 0.03),
        "alpha": (1.37, 0.037),
        "beta": (-1.74, 0.374),
        "sigma_sfr": (0.3, 0.01),
        "sigma_lco": (0.3, 0.01),
    }
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert_allclose(found[name], values, rtol=1e-12, atol=1e-15)


def test_draw():
    model = Li16(line="CO(2-1)")
    drawn = [model.draw(seed) for seed in range(100)]
    assert drawn[0].get_params() == model.draw(0).get_params()
    alphas = [one.alpha for one in drawn]
    assert stats.kstest(alphas, model.priors["alpha"].cdf).pvalue > 1e-3
    assert model.alpha == 1.37
    assert all(one.line == "CO(2-1)" for one in drawn)
    one = model.draw(0, priors={"beta": stats.uniform(3, 1)})
    assert 3 <= one.beta <= 4
    assert one.alpha == 1.37
    with pytest.raises(ValueError, match=r"'priors' parameter of Li16\.draw"):
        model.draw(0, priors={"gamma": stats.norm()})
    with pytest.raises(ValueError, match=r"'priors' parameter of PowerLaw\.draw"):
        PowerLaw().draw(0)
    with pytest.raises(ValueError, match=r"'priors' parameter of Li16\.draw"):
        model.draw(0, priors={"beta": 3.0})
    with pytest.raises(ValueError, match="'width'"):
        model.priors_about(0)


def test_parameters_and_scatter_of_one_seed_are_apart(haloes):
    """The heaviest halo does not have the first parameter's deviation again."""
    model = PowerLaw(sigma=1.0)
    drawn = model.draw(4, priors={"b": stats.norm(0, 1)}).b
    L = model.luminosity(haloes([1e12]), 4)
    deviation = np.log10(L[0] / 2e6) + 0.5 * np.log(10)
    assert abs(deviation - drawn) > 1e-3
    assert drawn == model.draw(4, priors={"b": stats.norm(0, 1)}).b


def test_rates_of_any_numbers(haloes):
    found = haloes([1e11, 1e12])
    expected = Silva15(sfr=lambda M, z: np.array([2.0, 3.0])).luminosity(found)
    for rates in ([2, 3], np.array([2, 3]), np.array([2, 3], np.float16)):
        assert_array_equal(Silva15(sfr=lambda M, z, rates=rates: rates).luminosity(found), expected)


@pytest.mark.parametrize(
    ("M", "z", "match"),
    [
        ([1e12, np.nan], [3.0, 3.0], "positive and finite M"),
        ([1e12, -1e12], [3.0, 3.0], "positive and finite M"),
        ([1e12, np.inf], [3.0, 3.0], "positive and finite M"),
        ([1e12, 1e12], [3.0, np.nan], "finite zhalo above -1"),
        ([1e12, 1e12], [3.0, -1.0], "finite zhalo above -1"),
        ([[1e12]], [[3.0]], "of one shape"),
    ],
)
def test_wrong_haloes(M, z, match, haloes):
    with pytest.raises(ValueError, match=f"'catalog' parameter of PowerLaw .*{match}"):
        PowerLaw().luminosity(haloes(M, z), 0)
    found = haloes([1e12])
    found.zhalo = np.ones(2)
    with pytest.raises(ValueError, match="of one shape"):
        PowerLaw().luminosity(found)


@pytest.mark.parametrize(
    ("model", "match"),
    [
        (PowerLaw(A=0.0), "'A' parameter"),
        (PowerLaw(sigma=-0.1), "'sigma' parameter"),
        (Li16(alpha=0.0), "'alpha' parameter"),
        (Li16(sfr=3.0), "'sfr' parameter"),
        (Li16(sfr=lambda M, z: -M), "'sfr' parameter of Li16"),
        (Li16(sfr=lambda M, z: 1.0), "'sfr' parameter of Li16"),
        (Chung22(line="H2O"), "'line' parameter of Chung22"),
        (Chung22(conversion=0.0), "'conversion' parameter"),
        (Padmanabhan18(n10=-0.04), "'n11' parameter of Padmanabhan18"),
        (Silva15(a=0.0), "'a' parameter"),
    ],
)
def test_wrong_parameters(model, match, haloes):
    with pytest.raises(ValueError, match=match):
        model.luminosity(haloes([1e12]), 0)


@pytest.mark.parametrize(
    "change",
    [
        {"dex": -1.0},
        {"dex": True},
        {"mass": [1.0]},
        {"mass": [1.0, -1.0]},
        {"mass": [1.0, np.nan]},
        {"random_state": -1},
    ],
)
def test_wrong_scatter(change):
    with pytest.raises(ValueError, match=f"'{next(iter(change))}' parameter of log_normal_scatter"):
        log_normal_scatter(**({"values": [1.0, 2.0], "dex": 0.1} | change))
