"""Surveys for carbon monoxide, with the numbers of the papers that describe them."""

from dataclasses import dataclass
from typing import Any

from ..utils._typing import QuantityLike
from ._beam import GaussianBeam
from ._radiometer import RadiometerNoise


@dataclass(frozen=True)
class Telescope:  # numpydoc ignore=PR02
    """What is needed of a survey to put its noise and its beam into maps.

    `TELESCOPES` holds the surveys that are known, by name; `reference` says where the numbers
    of each are from. For another survey, make one of these.

    Parameters
    ----------
    name : str
        Name of the survey.
    line : str
        The line it looks for.
    band : tuple of float
        Lower and upper edge of its band, in GHz.
    t_sys : float
        System temperature, in K.
    n_feeds : int
        Number of receivers.
    dnu : float
        Width of a frequency channel, in MHz.
    fwhm : float
        Full width at half maximum of the beam, in arcmin.
    field_area : float
        Area of a field, in square degrees.
    t_obs : float
        Observing time of a field, in hours.
    reference : str
        Where the numbers are from.

    Examples
    --------
    >>> from skastro.instrument import TELESCOPES
    >>> telescope = TELESCOPES["COMAP (Ihle 2019)"]
    >>> telescope.t_sys, telescope.n_feeds, telescope.dnu
    (40.0, 19, 15.6)
    >>> telescope.beam(pixel_size=2.0)
    GaussianBeam(fwhm=4.0, pixel_size=2.0)
    >>> telescope.noise(n_pixels=22**2, random_state=0)
    RadiometerNoise(random_state=0)
    """

    name: str
    line: str
    band: tuple
    t_sys: float
    n_feeds: int
    dnu: float
    fwhm: float
    field_area: float
    t_obs: float
    reference: str

    def noise(self, n_pixels: float, **options: Any) -> RadiometerNoise:
        """Noise of the survey in maps of one of its fields.

        Parameters
        ----------
        n_pixels : float
            Number of pixels in the field.
        **options : dict
            Other parameters of `RadiometerNoise`, in place of those of the survey.

        Returns
        -------
        RadiometerNoise
            The transformer, not fitted.
        """
        survey = {
            "t_sys": self.t_sys,
            "n_feeds": self.n_feeds,
            "dnu": self.dnu,
            "t_obs": self.t_obs,
        }
        return RadiometerNoise(n_pixels=n_pixels, **(survey | options))

    def beam(self, pixel_size: QuantityLike, **options: Any) -> GaussianBeam:
        """Beam of the survey.

        Parameters
        ----------
        pixel_size : float or Quantity
            Width of a pixel, in arcmin.
        **options : dict
            Other parameters of `GaussianBeam`.

        Returns
        -------
        GaussianBeam
            The transformer, not fitted.
        """
        fwhm = self.fwhm
        if hasattr(pixel_size, "to_value"):
            from astropy.units import arcmin

            fwhm = fwhm * arcmin
        return GaussianBeam(fwhm, pixel_size=pixel_size, **options)


_SURVEYS = (
    Telescope(
        name="COMAP Pathfinder",
        line="CO(1-0)",
        band=(26.0, 34.0),
        t_sys=44.0,
        n_feeds=19,
        dnu=31.25,
        fwhm=4.5,
        field_area=4.0,
        t_obs=303.7,
        reference=(
            "Cleary, K. A., et al. 2022, ApJ 933, 182 "  # codespell:ignore cleary
            "(arXiv:2111.05927): band, and 12 square degrees in three fields; Lamb, J. W., et al. "
            "2022, ApJ 933, 183 (arXiv:2111.05928): feeds. System temperature, beam, channels and "
            "the time on field 1 in the first season are those of public code that simulates its "
            "maps."
        ),
    ),
    Telescope(
        name="COMAP (Ihle 2019)",
        line="CO(1-0)",
        band=(26.0, 34.0),
        t_sys=40.0,
        n_feeds=19,
        dnu=15.6,
        fwhm=4.0,
        field_area=2.25,
        t_obs=6000.0,
        reference="Ihle, H. T., et al. 2019, ApJ 871, 75 (arXiv:1808.07487): forecast, phase 2.",
    ),
    Telescope(
        name="COMAP (Li 2016)",
        line="CO(1-0)",
        band=(30.0, 34.0),
        t_sys=40.0,
        n_feeds=19,
        dnu=40.0,
        fwhm=6.0,
        field_area=2.5,
        t_obs=1500.0,
        reference=(
            "Li, T. Y., Wechsler, R. H., Devaraj, K., Church, S. E. 2016, ApJ 817, 169 "
            "(arXiv:1503.08833): 'pathfinder'."
        ),
    ),
)

#: Telescopes and surveys by name, each with its sources and the noise and beam it gives.
TELESCOPES = {telescope.name: telescope for telescope in _SURVEYS}
