"""Factors of units and frames, against numbers worked out by hand."""

import pickle

import numpy as np
import pytest
from astropy import units as u
from astropy.cosmology.units import littleh
from sklearn.base import clone

from skastro.exceptions import UnitMismatchError
from skastro.preprocessing import UnitConverter

PC_CM = 3.0856775814913673e18  # IAU 2012 and 2015
MSUN_G = 1.32712440018e26 / 6.6743e-8  # GM of the Sun over the G of CODATA 2018
DENSITY = {"from_units": "g / cm3", "from_frame": "proper", "to_frame": "comoving"}


def draw(shape=(4, 2, 7, 8, 9), scale=1.0):
    values = np.random.default_rng(0).lognormal(size=shape)
    return (scale * values).astype(np.float32)


@pytest.mark.parametrize(
    ("source", "target", "factor"),
    [
        ("g / cm3", "g / pc3", PC_CM**3),
        ("g / cm3", "Msun / Mpc3", (1e6 * PC_CM) ** 3 / MSUN_G),
        ("Msun / Mpc3", "g / cm3", MSUN_G / (1e6 * PC_CM) ** 3),
        ("km / s", "cm / s", 1e5),
        ("K", "mK", 1e3),
        ("1e10 Msun", "Msun", 1e10),
        ("l", "cm3", 1e3),
        ("", "percent", 1e2),
        ("erg / (s Hz)", "W / Hz", 1e-7),
        (u.Jy, u.W / u.m**2 / u.Hz, 1e-26),
    ],
)
def test_units(source, target, factor):
    values = draw(scale=1e-5 / np.sqrt(factor))
    converter = UnitConverter(source, target)
    got = converter.fit_transform(values)
    assert got.dtype == np.float32
    np.testing.assert_allclose(converter.factor_, [factor] * 2, rtol=3e-5)
    np.testing.assert_allclose(got, values.astype(float) * converter.factor_[0], rtol=1e-7)
    np.testing.assert_allclose(converter.inverse_transform(got), values, rtol=3e-7)
    assert converter.to_units_ == [u.Unit(target)] * 2


def test_a_rounded_parsec_gives_a_factor_that_is_too_large():
    factor = UnitConverter("g / cm3", "g / pc3", dim=3).fit(draw((1, 2, 2, 2))).factor_[0]
    assert f"{factor:.3g}" == "2.94e+55"
    assert f"{3.09e18**3:.3g}" == "2.95e+55"
    assert 3.09e18**3 / factor == pytest.approx(1.0042, abs=1e-4)


def test_factor_that_float32_cannot_hold():
    gas = draw(scale=1e-28)
    got = UnitConverter("g / cm3", "g / pc3").fit_transform(gas)
    want = gas.astype(float) * PC_CM**3
    assert want.min() > 1e25
    np.testing.assert_allclose(got, want, rtol=1e-6)


def test_one_value_for_each_channel():
    values = draw((3, 3, 8, 9))
    converter = UnitConverter(["km", u.K, "g"], ["m", None, u.kg]).fit(values)
    np.testing.assert_allclose(converter.factor_, [1e3, 1, 1e-3])
    np.testing.assert_allclose(
        converter.transform(values), values * np.array([1e3, 1, 1e-3])[:, None, None], rtol=1e-6
    )
    assert converter.to_units_ == [u.m, u.K, u.kg]
    cubes = draw((3, 4, 8, 9))
    np.testing.assert_allclose(UnitConverter("km", "m", dim=3).fit(cubes).factor_, [1e3])


@pytest.mark.parametrize(
    ("unit", "power"),
    [
        ("g / cm3", -3),
        ("Mpc", 1),
        ("Msun / Mpc2", -2),
        ("l", 3),
        ("Msun / l", -3),
        ("barn", 2),
        ("km / s", 1),
        ("km / (s Mpc)", 0),
        ("erg", 0),
        ("solLum", 0),
        ("Jy", 0),
        ("K", 0),
        ("", 0),
        ("erg / (s cm3)", -3),
        ("Mpc(1/2)", 0.5),
        ("Mpc / littleh", 1),
    ],
)
@pytest.mark.parametrize("redshift", [0, 7.0, -0.5])
def test_power_of_lengths(unit, power, redshift):
    values = draw()
    converter = UnitConverter(
        unit, from_frame="proper", to_frame="comoving", redshift=redshift
    ).fit(values)
    np.testing.assert_array_equal(converter.power_, [power] * 2)
    np.testing.assert_allclose(
        converter.transform(values), values * (1.0 + redshift) ** power, rtol=2e-7
    )
    other_way = UnitConverter(
        unit, from_frame="comoving", to_frame="proper", redshift=redshift
    ).fit(values)
    np.testing.assert_allclose(
        other_way.transform(values), converter.inverse_transform(values), rtol=2e-7
    )


def test_gas_and_sources_in_one_frame():
    values = draw((2, 2, 4, 5, 6)) * np.float32([1e-28, 1e10])[:, None, None, None]
    converter = UnitConverter(
        ["g / cm3", "Msun / Mpc3"],
        "Msun / Mpc3",
        from_frame=["proper", "comoving"],
        to_frame="comoving",
    )
    got = converter.fit_transform(values, redshift=[6.0, 9.0])
    for i, z in enumerate([6.0, 9.0]):
        factor = (1e6 * PC_CM) ** 3 / MSUN_G / (1 + z) ** 3
        np.testing.assert_allclose(got[i, 0], values[i, 0].astype(float) * factor, rtol=3e-5)
    np.testing.assert_array_equal(got[:, 1], values[:, 1])
    assert converter.to_frames_ == ["comoving", "comoving"]
    back = converter.inverse_transform(got, redshift=[6.0, 9.0])
    np.testing.assert_allclose(back, values, rtol=1e-6)


def test_frame_of_what_holds_no_length():
    converter = UnitConverter(["K", "Mpc"], from_frame=[None, "proper"], to_frame="comoving")
    converter.fit(draw(), redshift=7.0)
    assert converter.to_frames_ == [None, "comoving"]
    np.testing.assert_array_equal(converter.power_, [0, 1])


@pytest.mark.parametrize("h", [0.7, 1.0])
@pytest.mark.parametrize(
    ("source", "target", "power"),
    [
        ("kpc / littleh", "kpc", -1),
        ("littleh2 Msun / kpc3", "Msun / kpc3", 2),
        (u.kpc, u.kpc / littleh, 1),
        ("Msun / littleh", "Msun / littleh", 0),
    ],
)
def test_hubble(source, target, power, h):
    converter = UnitConverter(source, target, hubble=h).fit(draw())
    np.testing.assert_allclose(converter.factor_, [h**power] * 2)
    if power:
        with pytest.raises(ValueError, match=r"power of h\. Give 'hubble'.*hubble=0\.7"):
            UnitConverter(source, target).fit(draw())
    else:
        UnitConverter(source, target).fit(draw())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"from_units": "g / cm3", "to_units": "K"}, r"channel 0 from 'g / cm3' \(mass density\)"),
        ({"from_units": "m", "to_units": ["km", "s"]}, r"channel 1 from 'm' \(length\) to 's'"),
        ({"from_units": "kpc / h", "to_units": "kpc"}, "'h' is an hour.*'littleh'"),
        ({"from_units": "deg_C", "to_units": "K"}, "'deg_C'"),
        (
            {"from_units": "erg", "to_units": "g cm2 / s2", "from_frame": "proper"},
            "power 0 in 'erg' and 2 in",
        ),
    ],
)
def test_units_that_do_not_fit(options, words):
    with pytest.raises(UnitMismatchError, match=words):
        UnitConverter(**options).fit(draw())


def test_equal_dimensions_without_frames_need_no_equal_lengths():
    assert UnitConverter("erg", "g cm2 / s2").fit(draw()).factor_[0] == pytest.approx(1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "'from_units' parameter .* convert_bunch"),
        ({"from_units": "ckpc"}, "'from_units' parameter .* by the frame"),
        ({"from_units": "mag(Jy)"}, "'from_units' parameter"),
        ({"from_units": ["m", None]}, "'from_units' parameter"),
        ({"from_units": ["m", 3]}, "'from_units' parameter"),
        ({"from_units": ["m"]}, "'from_units' parameter .* one value or 2 of them"),
        ({"from_units": "m", "to_units": ["m"] * 3}, "'to_units' parameter .* or 2 of them"),
        ({"from_units": "m", "from_frame": ["proper"]}, "'from_frame' .* or 2 of them"),
        ({"from_units": "m", "to_frame": "physical"}, "'to_frame' parameter"),
        ({"from_units": "m", "to_frame": ["proper", "physical"]}, "'to_frame' parameter"),
        ({"from_units": "m", "to_frame": "proper", "redshift": 7}, "Give 'from_frame'"),
        ({**DENSITY}, "channel 0 from proper to comoving .* needs redshifts"),
        ({**DENSITY, "redshift": -1.0}, "'redshift' parameter"),
        ({**DENSITY, "redshift": np.nan}, "'redshift' parameter"),
        ({**DENSITY, "redshift": np.inf}, "'redshift' parameter"),
        ({**DENSITY, "redshift": [6.0] * 4}, "'redshift' parameter"),
        ({"from_units": "m", "hubble": 0.0}, "'hubble' parameter"),
        ({"from_units": "m", "hubble": np.nan}, "'hubble' parameter"),
        ({"from_units": "m", "hubble": np.inf}, "'hubble' parameter"),
        ({"from_units": u.Gpc**20, "to_units": u.cm**20}, "float64 cannot hold"),
        ({"from_units": "m", "dim": 4}, "'dim' parameter"),
    ],
)
def test_parameters_that_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        UnitConverter(**options).fit(draw())


@pytest.mark.parametrize("method", ["fit", "transform", "fit_transform", "inverse_transform"])
@pytest.mark.parametrize(
    ("redshift", "words"),
    [
        (None, "needs redshifts. Give the parameter 'redshift', or one for each sample"),
        (-1.0, "above -1"),
        ([6.0, 7.0, 8.0], "4 of them"),
        ([6.0, 7.0, 8.0, np.nan], "finite"),
        ([6.0, 7.0, 8.0, -2.0], "above -1"),
        ([[6.0]] * 4, "4 of them"),
        (["a"] * 4, "4 of them"),
    ],
)
def test_redshifts_that_are_refused(method, redshift, words):
    converter = UnitConverter(**DENSITY).fit(draw(), redshift=7.0)
    with pytest.raises(ValueError, match=words):
        getattr(converter, method)(draw(), redshift=redshift)


def test_redshift_is_given_once():
    converter = UnitConverter(**DENSITY, redshift=7.0).fit(draw())
    same = converter.transform(draw(), redshift=[7.0] * 4)
    np.testing.assert_array_equal(same, converter.transform(draw()))
    with pytest.raises(ValueError, match=r"is 7\.0, and other redshifts came .* redshift=None"):
        converter.transform(draw(), redshift=8.0)


def test_redshift_that_is_not_needed_is_ignored():
    values = draw()
    got = UnitConverter("m", "km").fit_transform(values, redshift=[6.0, 7.0, 8.0, 9.0])
    np.testing.assert_allclose(got, values / 1e3, rtol=1e-6)


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("scale", [1e-10, 1e-28])
def test_overflow_names_a_unit_that_fits(inverse, scale):
    units = ("g / cm3", "1e-20 g / pc3")[:: -1 if inverse else 1]
    converter = UnitConverter(*units).fit(draw())
    values = draw(scale=scale)
    convert = converter.inverse_transform if inverse else converter.transform
    name = "from_units" if inverse else "to_units"
    with pytest.raises(ValueError, match=rf"channel 0 has values of .*Take .*'{name}'") as error:
        convert(values)
    better = str(error.value).split("such as '")[1].removesuffix("'.")
    fits = UnitConverter(units[inverse], better).fit_transform(values)
    assert np.isfinite(fits).all()
    want = values.astype(float) * u.Unit(units[inverse]).to(u.Unit(better))
    np.testing.assert_allclose(fits, want, rtol=1e-6)


@pytest.mark.parametrize("tensor", [False, True])
@pytest.mark.parametrize("value", [1e-10, 1e-6])
def test_underflow_is_refused(tensor, value):
    values = np.zeros((2, 2, 8, 9), dtype=np.float32)
    values[1, 1, 3, 4] = value
    converter = UnitConverter("Msun / Mpc3", "g / cm3").fit(values)
    if tensor:
        values = pytest.importorskip("torch").from_numpy(values)
    with pytest.raises(ValueError, match=r"channel 1 has values of 6\.77e-\d+ .*1\.2e-38"):
        converter.transform(values)
    values[1, 1, 3, 4] = 1e6
    assert float(converter.transform(values)[1, 1, 3, 4]) == pytest.approx(6.7676e-35, rel=1e-4)


def test_zero_and_subnormal_numbers_are_kept_where_they_can():
    values = np.array([[0.0, -0.0, 1e-44, -1e-40]], dtype=np.float32)
    np.testing.assert_array_equal(UnitConverter("m").fit_transform(values), values)


@pytest.mark.parametrize("shape", [(4, 9), (4, 8, 9), (4, 2, 8, 9), (4, 2, 7, 8, 9)])
def test_torch_equals_numpy(shape):
    torch = pytest.importorskip("torch")
    values, z = draw(shape, 1e-28), [6.0, 7.0, 8.0, 9.5]
    converter = UnitConverter(to_units="g / pc3", **DENSITY).fit(values, redshift=z)
    want = converter.transform(values, redshift=z)
    got = converter.transform(torch.from_numpy(values), redshift=z)
    assert got.dtype == torch.float32
    np.testing.assert_array_equal(got.numpy(), want)
    back = converter.inverse_transform(got, redshift=z)
    np.testing.assert_array_equal(back.numpy(), converter.inverse_transform(want, redshift=z))
    with pytest.raises(ValueError, match="Take another unit in 'to_units'"):
        converter.transform(torch.from_numpy(values) * 1e28, redshift=z)


def test_gradients_pass():
    torch = pytest.importorskip("torch")
    values = torch.ones((2, 1, 8, 9), requires_grad=True)
    UnitConverter("km", "m").fit(values).transform(values).sum().backward()
    np.testing.assert_allclose(values.grad.numpy(), 1e3)


@pytest.mark.parametrize("unit", ["Mpc / littleh", u.Mpc / littleh, [u.Mpc, u.kpc]])
def test_clone_and_pickle(unit):
    converter = UnitConverter(unit, "km", hubble=0.7).fit(draw(scale=1e-3))
    again = pickle.loads(pickle.dumps(converter))
    np.testing.assert_array_equal(again.transform(draw()), converter.transform(draw()))
    refitted = clone(again).fit(draw())
    np.testing.assert_array_equal(refitted.factor_, converter.factor_)
    assert repr(clone(converter)) == repr(converter)
