"""Background quantities of a flat universe, and fields of the intergalactic gas."""

import numpy as np
from astropy import units

from ._density import CRITICAL_DENSITY, flat_universe

GRADIENT_LIMIT = 0.2
_VIRIAL_TEMPERATURE = 1e4  # K


class Universe:
    """Flat universe of matter and a cosmological constant, in Mpc and Msun without h.

    Parameters
    ----------
    omega_m, omega_b : float
        Densities of matter and of baryons.
    hubble : float
        H0 / (100 km/s/Mpc).
    sigma_8 : float
        Rms of the linear density contrast in spheres of 8 Mpc/h.
    spectral_index : float
        Slope of the primordial power.

    Attributes
    ----------
    mean_density : float
        Mean density of matter, in Msun per comoving Mpc^3.
    """

    def __init__(self, omega_m, omega_b, hubble, sigma_8, spectral_index):
        self._omega_m, self._omega_b, self._hubble = omega_m, omega_b, hubble
        self._colossus = flat_universe(
            omega_m,
            sigma_8,
            hubble,
            omega_b=omega_b,
            spectral_index=spectral_index,
            caller="make_ionized_boxes",
        )
        self.mean_density = omega_m * CRITICAL_DENSITY * hubble**2

    def power(self, wavenumber):
        """Linear power at redshift 0, in Mpc^3, at wavenumbers in 1/Mpc."""
        h = self._hubble
        return self._colossus.matterPowerSpectrum(wavenumber / h, model="eisenstein98") / h**3

    def growth(self, redshift):
        """Linear growth factor, one at redshift 0."""
        return float(self._colossus.growthFactor(redshift))

    def _omega_m_at(self, redshift):
        matter = self._omega_m * (1 + redshift) ** 3
        return matter / (matter + 1 - self._omega_m)

    def growth_rate(self, redshift):
        """Logarithmic derivative of the growth factor by the scale factor (Linder 2005)."""
        return self._omega_m_at(redshift) ** 0.55

    def atomic_cooling_mass(self, redshift):
        """Mass in Msun of a halo of 1e4 K, of ionized gas (Barkana and Loeb 2001, eq. 26)."""
        omega = self._omega_m_at(redshift)
        overdensity = 18 * np.pi**2 + 82 * (omega - 1) - 39 * (omega - 1) ** 2
        contrast = self._omega_m / omega * overdensity / (18 * np.pi**2)
        temperature = 1.98e4 * contrast ** (1 / 3) * (1 + redshift) / 10
        return 1e8 / self._hubble * (_VIRIAL_TEMPERATURE / temperature) ** 1.5

    def baryon_density(self, redshift):
        """Mean proper density of baryons, in g/cm^3."""
        density = self._omega_b / self._omega_m * self.mean_density * (1 + redshift) ** 3
        return float((density * units.Msun / units.Mpc**3).to_value(units.g / units.cm**3))

    def brightness_scale(self, redshift):
        """Brightness temperature of neutral gas of mean density, in mK, where Ts >> Tcmb."""
        h2 = self._hubble**2
        baryons, matter = self._omega_b * h2 / 0.023, self._omega_m * h2 / 0.15
        return 27 * baryons * np.sqrt((1 + redshift) / 10 / matter)


def brightness_temperature(scale, neutral, contrast, gradient):
    """Brightness temperature of cells.

    Parameters
    ----------
    scale : float
        That of neutral gas of mean density, in mK.
    neutral, contrast : ndarray
        Neutral fraction and density contrast.
    gradient : ndarray or None
        Derivative of the velocity along the line of sight over the Hubble rate, brought to -0.2 to
        0.2, where the optically thin limit holds. None takes zero.

    Returns
    -------
    ndarray of float32
        In mK.
    """
    brightness = np.float32(scale) * neutral * (1 + contrast)
    if gradient is not None:
        brightness /= 1 + np.clip(gradient, -GRADIENT_LIMIT, GRADIENT_LIMIT)
    return brightness
