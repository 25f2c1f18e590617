"""State of the gas: temperature, neutral hydrogen, electrons, magnetic field, metals, speed."""

import numpy as np

MEAN_WEIGHT = 0.59
HYDROGEN_FRACTION = 0.76
GAS_CONSTANT = 8.2545e-3  # k / m_p, in (km/s)^2 / K
GRAVITY = 4.30091e-9  # Mpc (km/s)^2 / Msun
GRAMS_PER_CM3 = 6.7699e-41  # 1 Msun/Mpc^3
PROTON_MASS = 1.67262e-24  # g
SUPERNOVA_TEMPERATURE = 1.2e7  # K, of 1e51 erg per 200 Msun of stars shared by as much gas
COUPLING = 0.1
HALO_RADIUS = 0.5  # Mpc/h
WIND_SPEED = 400.0  # km/s, at A_SN2 = 1
JET_SPEED = 800.0  # km/s, at A_AGN2 = 1


def gravity_temperature(grid, overdensity, mean_density):
    """Temperature of gas that falls in, without feedback.

    The relation of the thin gas, 1e4 D^0.6 K up to D = 10 (Hui and Gnedin 1997), plus the virial
    temperature mu m_p G M / (2 k R) of the mass M within R = 0.5 Mpc/h, times y^2 / (1 + y^2),
    where y is the overdensity of that sphere over 5. The sphere is a Gaussian of its volume.

    Parameters
    ----------
    grid : PeriodicGrid
        The cells.
    overdensity : ndarray of shape (n_cells, n_cells, n_cells)
        Density of matter over the mean of the box.
    mean_density : float
        Mean density of matter, in (Msun/h) / (Mpc/h)^3.

    Returns
    -------
    ndarray of shape (n_cells, n_cells, n_cells)
        Temperature, in K.
    """
    width = HALO_RADIUS * (2 / (9 * np.pi)) ** (1 / 6)
    halo = grid.spread(overdensity, width)
    mass = 4 / 3 * np.pi * HALO_RADIUS**3 * mean_density * halo
    virial = MEAN_WEIGHT * GRAVITY * mass / (2 * GAS_CONSTANT * HALO_RADIUS)
    shocked = halo**2 / (halo**2 + 5.0**2)
    return 1e4 * np.minimum(overdensity, 10.0) ** 0.6 + shocked * virial


def feedback_temperature(baryons):
    """Heating by feedback, 1.2e6 K times its energy per mass of gas: a tenth of it is heat."""
    energy = baryons.wind_energy + baryons.bubble_energy
    return COUPLING * SUPERNOVA_TEMPERATURE * energy / baryons.gas


def pressure(gas_density, temperature):
    """Thermal pressure rho k T / (mu m_p).

    Parameters
    ----------
    gas_density : ndarray
        Density of gas, in (Msun/h) / (Mpc/h)^3.
    temperature : ndarray
        Temperature, in K.

    Returns
    -------
    ndarray
        Pressure, in h^2 Msun (km/s)^2 / kpc^3.
    """
    return 1e-9 * gas_density * GAS_CONSTANT * temperature / MEAN_WEIGHT


def neutral_fraction(gas_overdensity, temperature):
    """Neutral part of the hydrogen.

    Gas D times the mean of the gas is shielded in the part x^2 / (1 + x^2), x = D / 50, of its
    volume, and there neutral in the part 1 / (1 + T / 5e4 K), as hot gas has little cold
    gas in it. Elsewhere it is in balance with the ultraviolet background: 1e-6 D (T /
    1e4 K)^-0.7, at most 1e-3.

    Parameters
    ----------
    gas_overdensity : ndarray
        Density of gas over its mean.
    temperature : ndarray
        Temperature, in K.

    Returns
    -------
    ndarray
        Zero to one.
    """
    balance = np.minimum(1e-6 * gas_overdensity * (temperature / 1e4) ** -0.7, 1e-3)
    squared = (gas_overdensity / 50) ** 2
    shielded = squared / (1 + squared) / (1 + temperature / 5e4)
    return balance + (1 - balance) * shielded


def electron_density(gas_density, neutral):
    """Electrons of ionized hydrogen, and of helium that loses both with it.

    Parameters
    ----------
    gas_density : ndarray
        Density of gas, in (Msun/h) / (Mpc/h)^3.
    neutral : ndarray
        Neutral part of the hydrogen.

    Returns
    -------
    ndarray
        Number density, in h^2 / cm^3.
    """
    per_mass = (1 + HYDROGEN_FRACTION) / 2 / PROTON_MASS
    return gas_density * GRAMS_PER_CM3 * per_mass * (1 - neutral)


def magnetic_field(gas_overdensity, gas_density, heating, hubble):
    """Magnetic field, from a seed and from the turbulence of feedback.

    The seed of 1e-12 G is compressed with the gas, as D^(2/3). Turbulence adds, in quadrature, a
    field with 2 % of the energy density of feedback, B^2 / (8 pi) = 0.02 (3/2) n k T.

    Parameters
    ----------
    gas_overdensity : ndarray
        Density of gas over its mean.
    gas_density : ndarray
        Density of gas, in (Msun/h) / (Mpc/h)^3.
    heating : ndarray
        Heating by feedback, in K.
    hubble : float
        H0 / (100 km/s/Mpc).

    Returns
    -------
    ndarray
        Magnetic field, in G.
    """
    grams = gas_density * hubble**2 * GRAMS_PER_CM3
    heat = 1.5 * grams * 1e10 * GAS_CONSTANT * heating / MEAN_WEIGHT
    return np.sqrt((1e-12 * gas_overdensity ** (2 / 3)) ** 2 + 8 * np.pi * 0.02 * heat)


def metallicity(baryons):
    """Mass of metals per mass of gas: 0.01 of the magnesium and iron tracers, from 1e-7."""
    return 1e-7 + 0.01 * (baryons.magnesium + baryons.iron) / baryons.gas


def magnesium_over_iron(baryons):
    """Ratio of magnesium to iron over that of prompt supernovae alone, 1 in gas with no metals."""
    trace = 2e-4 * baryons.gas
    return (baryons.magnesium + trace) / (baryons.iron + trace)


def gas_speed(speed, baryons, feedback):
    """Speed of gas, with that of the outflows in it.

    Winds of 400 A_SN2 km/s and jets of 800 A_AGN2 km/s add in quadrature, times the parts of the
    gas that they carry.

    Parameters
    ----------
    speed : ndarray
        Speed of matter, in km/s.
    baryons : Baryons
        Gas and outflows.
    feedback : Feedback
        Strength of feedback.

    Returns
    -------
    ndarray
        Speed, in km/s.
    """
    wind = (WIND_SPEED * feedback.sn_speed) ** 2 * baryons.wind
    jet = (JET_SPEED * feedback.agn_speed) ** 2 * baryons.bubble
    return np.sqrt(speed**2 + (wind + jet) / baryons.gas)
