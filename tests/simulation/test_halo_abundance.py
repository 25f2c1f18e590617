from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import trapezoid

from skastro.simulation import HaloCosmology, make_halo_lightcone
from skastro.simulation._halo_abundance import halo_universe
from skastro.simulation._halo_lightcone import _draw_masses

EDGES = np.array([5e11, 8e11, 1.3e12, 2.5e12, 5e12, 2e13])


def number_density(low, high, redshift):
    """Haloes per Mpc^3 between two masses in Msun."""
    from colossus.lss.mass_function import massFunction

    logs = np.linspace(np.log(low), np.log(high), 200)
    arguments = {"mdef": "200m", "model": "tinker08", "q_out": "dndlnM"}
    return trapezoid(massFunction(np.exp(logs) * 0.7, redshift, **arguments) * 0.7**3, logs)


def test_masses_are_poisson_where_the_density_is_even(colossus):
    # Without fluctuations of density, numbers in bins of mass differ by their Poisson errors alone.
    universe = halo_universe(HaloCosmology())
    redshifts = np.array([2.6, 3.2])
    haloes = universe.haloes(redshifts, 5e11, 2e13, "tinker08", "tinker10")
    rng = np.random.default_rng(0)
    shell = np.repeat([0, 1], 5000)
    zeros = np.zeros(10000, np.float32)
    masses, cells = _draw_masses(haloes, shell, zeros, 0.0, np.ones(2), 5e3, rng)
    for number, redshift in enumerate(redshifts):
        chosen = masses[shell[cells] == number]
        counts = np.histogram(chosen, EDGES)[0]
        expected = [5000 * 5e3 * number_density(a, b, redshift) for a, b in pairwise(EDGES)]
        assert expected[-1] > 100
        assert np.all(np.abs(counts - expected) < 4 * np.sqrt(expected))
        assert np.sum((counts - expected) ** 2 / np.array(expected)) < 20
        assert chosen.min() >= np.float32(5e11)
    per_cell = np.bincount(cells[cells < 5000], minlength=5000)
    assert per_cell.var() == pytest.approx(per_cell.mean(), rel=0.1)


@pytest.mark.parametrize(("name", "partner"), [("press74", "cole89"), ("sheth99", "sheth01")])
def test_other_mass_functions_and_biases(colossus, name, partner):
    from colossus.lss import bias, mass_function

    table = halo_universe(HaloCosmology()).haloes(np.array([2.5, 3.0]), 1e11, 1e12, name, partner)
    middles = np.exp((table.log_edges[1:] + table.log_edges[:-1]) / 2) * 0.7
    width = table.log_edges[1] - table.log_edges[0]
    (definition,) = mass_function.models[name].mdefs
    dn = (
        mass_function.massFunction(middles, 3.0, model=name, mdef=definition, q_out="dndlnM")
        * 0.7**3
    )
    np.testing.assert_allclose(table.density[:, 1], dn * width, rtol=0.01)
    expected = bias.haloBias(middles, 3.0, mdef="200m", model=partner)
    np.testing.assert_allclose(table.bias[:, 1], expected, rtol=1e-6)


def test_tables_between_nodes(colossus):
    from colossus.lss.bias import haloBias

    redshifts = np.linspace(0.5, 6, 40)
    table = halo_universe(HaloCosmology()).haloes(redshifts, 1e11, 1e15, "tinker08", "tinker10")
    edges = np.exp(table.log_edges)
    for number in (1, 17, 38):
        expected = [number_density(a, b, redshifts[number]) for a, b in pairwise(edges)]
        common = np.array(expected) > 1e-12
        ratio = table.density[common, number] / np.array(expected)[common]
        assert np.all(np.abs(ratio - 1) < 0.01)
        middles = np.sqrt(edges[1:] * edges[:-1]) * 0.7
        bias = haloBias(middles, redshifts[number], mdef="200m", model="tinker10")
        np.testing.assert_allclose(table.bias[:, number], bias, rtol=1e-4)


def test_haloes_beyond_the_cut_off_are_none():
    table = halo_universe(HaloCosmology()).haloes(
        np.array([18.0, 19.0]), 1e8, 3e15, "tinker08", "tinker10"
    )
    assert np.all(np.isfinite(table.density))
    assert np.all(table.steps < 0)
    assert table.density[-1].max() < 1e-80
    catalog = make_halo_lightcone(
        0.02, (18, 18.2), min_mass=1e8, max_mass=3e15, cell_size=5, random_state=0
    )
    assert catalog.M.max() < 1e11
