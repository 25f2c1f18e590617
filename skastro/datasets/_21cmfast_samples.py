"""Put the fields of one box of 21cmFAST together, from one file or several."""

import os
from collections import defaultdict
from dataclasses import dataclass, field, replace
from math import nan

from ._21cmfast_box import DEFAULT_FIELDS
from ._21cmfast_names import same_nf

_PLACES = 4


@dataclass(frozen=True)
class Sample:
    """The fields of one box.

    Attributes
    ----------
    boxes : dict of str to Box
        A Box for each field.
    candidates : tuple of Box
        Raw brightness temperatures of which one belongs to the sample.
    f_esc : float
        Escape fraction; NaN where unknown.
    seed : int
        Random seed; -1 where unknown.
    """

    boxes: dict
    candidates: tuple = field(default=())
    f_esc: float = nan
    seed: int = -1

    @property
    def first(self):
        """Any of the boxes, one that depends on the sources if there is one."""
        return max(self.boxes.values(), key=lambda box: box.model is not None)

    def __str__(self):
        return f"redshift {self.first.redshift:g} ({self.first.path})"


def group_boxes(boxes, fields):
    """Make samples of boxes of equal redshift, initial conditions and sources.

    Parameters
    ----------
    boxes : list of Box
        What was found.
    fields : list of str or None
        Fields that are wanted; None for those of `DEFAULT_FIELDS` that there are.

    Returns
    -------
    list of Sample
        Raw brightness temperatures are still among their `candidates`.

    Raises
    ------
    ValueError
        If two files hold the same field of the same box, or one belongs to no other.
    """
    wanted = set(fields or DEFAULT_FIELDS)
    places = defaultdict(list)
    for box in boxes:
        places[box.matter, round(box.redshift, _PLACES)].append(box)
    samples = []
    for (matter, _), found in places.items():
        group = _raw_samples if matter[0] == "raw" else _hdf5_samples
        samples += group(found, wanted)
    return _each_once(samples)


def _each_once(samples):
    """Samples less those of matter alone whose files others have by links."""
    kept, held = [], set()
    for sample in sorted(samples, key=lambda sample: sample.first.model is None):
        files = {os.path.realpath(box.path) for box in sample.boxes.values()}
        if sample.first.model is not None or not files <= held:
            kept.append(sample)
            held |= files
    return kept


def attach_brightness(samples):
    """Give each sample the raw brightness temperature that belongs to it.

    Parameters
    ----------
    samples : list of Sample
        Samples that are kept.

    Returns
    -------
    list of Sample
        The same, without candidates.

    Raises
    ------
    ValueError
        If more than one file may belong to a sample, or more than one sample to a file.
    """
    owners = defaultdict(list)
    for sample in samples:
        for box in sample.candidates:
            owners[box.path].append(sample.boxes["xHI"].path)
        if len(sample.candidates) > 1:
            raise ValueError(
                f"load_21cmfast cannot tell which brightness temperature belongs to {sample}: "
                f"{_listed(box.path for box in sample.candidates)} have its neutral fraction. "
                "Give the list of paths that belong together as path."
            )
    for path, others in owners.items():
        if len(others) > 1:
            raise ValueError(
                f"load_21cmfast cannot tell to which parameters '{path}' belongs: "
                f"{_listed(others)} have its redshift and neutral fraction. Choose one with f_esc, "
                "where the names tell it, or give the list of paths that belong together as path."
            )
    return [
        replace(
            sample,
            boxes=sample.boxes | {box.field: box for box in sample.candidates},
            candidates=(),
        )
        for sample in samples
    ]


def _hdf5_samples(boxes, wanted):
    shared, models = [], defaultdict(list)
    for box in boxes:
        if box.field in wanted:
            (shared if box.model is None else models[box.model]).append(box)
    groups = list(models.values()) or [[]] * bool(shared)
    return [_sample([*_nearest(shared, group), *group]) for group in groups]


def _nearest(shared, group):
    """One Box for each field of matter: from a file of the group if it is there, or the first."""
    paths = {box.path for box in group}
    ranked = sorted(shared, key=lambda box: box.path not in paths)
    return list({box.field: box for box in reversed(ranked)}.values())


def _raw_samples(boxes, wanted):
    ionized = [box for box in boxes if box.field == "xHI"]
    bright = [box for box in boxes if box.field == "brightness_temp"]
    shared = [box for box in boxes if box.field in wanted and box.model is None]
    if "xHI" in wanted and ionized:
        candidates = bright if "brightness_temp" in wanted else []
        for box in candidates:
            if not any(same_nf(box.nf, other.nf) for other in ionized):
                raise ValueError(
                    f"load_21cmfast found no neutral fraction that belongs to '{box.path}': "
                    f"{_listed(other.path for other in ionized)} have another nf in their names. "
                    "Choose fields, or give the list of paths that belong together as path."
                )
        return [
            _sample([*shared, box], tuple(b for b in candidates if same_nf(b.nf, box.nf)))
            for box in ionized
        ]
    if "brightness_temp" in wanted and bright:
        return [_sample([*shared, _with_f_esc(box, ionized)]) for box in bright]
    return [_sample(shared)] if shared else []


def _with_f_esc(bright, ionized):
    """A brightness temperature with the escape fraction in the name of its neutral fraction."""
    known = {box.f_esc for box in ionized if same_nf(box.nf, bright.nf) and box.f_esc == box.f_esc}
    return replace(bright, f_esc=known.pop()) if len(known) == 1 else bright


def _sample(boxes, candidates=()):
    by_field = {}
    for box in boxes:
        other = by_field.setdefault(box.field, box)
        if other is not box:
            raise ValueError(
                f"load_21cmfast found {box.field} of the same box (redshift {box.redshift:g}) "
                f"twice: {_listed([other.path, box.path])}. Leave one out: give the list of paths "
                "as path."
            )
    sample = Sample(by_field, candidates)
    return replace(sample, f_esc=sample.first.f_esc, seed=sample.first.seed)


def _listed(paths):
    return ", ".join(f"'{path}'" for path in paths)
