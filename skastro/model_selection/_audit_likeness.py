"""Findings about maps that know of each other: copies, near-copies, shared phases."""

import numpy as np

from ._audit_copies import exact_copies, words
from ._audit_modes import symmetries
from ._audit_near import near_copies
from ._audit_phases import agreeing_pairs
from ._audit_report import Finding, listed
from ._audit_splits import components, severity_of

# Correlation of maps, not whitened, above which one is a copy of the other; maps of different
# groups that are less alike are rather of one seed.
_NEAR, _NEAR_OF_GROUPS = 0.9, 0.99
_SHOWN = 3
_WORK = 1e11  # products, for what is looked for twice
_MERGE = "split by the joined groups: cv=GroupKFold(), groups=report.merged_groups_."


def likeness_findings(survey, splits, groups):
    """Find maps that are not independent.

    Parameters
    ----------
    survey : Survey
        What is known of the maps.
    splits : list
        Folds.
    groups : ndarray or None
        Groups.

    Returns
    -------
    findings : list of Finding
        What was found.
    joined : list of tuple of int
        Pairs of samples that belong to one group.
    """
    n = len(survey.maps)
    copies, equal_values = exact_copies(survey)
    findings = []
    if copies:
        pairs = [(i, j, words(*how)) for i, j, *how in copies]
        findings.append(_finding("exact_copies", pairs, splits, groups, n))
    if equal_values:
        clusters = [tuple(cluster) for cluster in equal_values]
        samples = tuple(sorted(i for cluster in clusters for i in cluster))
        message = (
            f"{len(samples)} maps have the same values as others, in an order that no symmetry "
            f"explains or that chance may explain, or were too many to be compared: samples "
            f"{listed(samples)}."
        )
        findings.append(
            Finding(
                "equal_values",
                "note",
                message,
                samples,
                "see whether cells were shuffled; maps of few different values may agree by "
                "chance.",
                {"clusters": clusters},
            )
        )
    joined = [(i, j) for i, j, *_ in copies]
    near, phases, common = _alike(survey, groups, set(joined))
    if near:
        findings.append(_finding("near_copies", near, splits, groups, n))
    if phases:
        findings.append(_finding("shared_phases", phases, splits, groups, n))
    if common is not None:
        findings.append(common)
    joined += [(i, j) for i, j, _ in near + phases]
    return findings + _plain_maps(survey), joined


def _alike(survey, groups, known):
    """Pairs with what they have in common: near-copies, shared phases, and a common pattern."""
    used = ~survey.plain[survey.rows]
    # Copies are like others as the map is that they are copies of.
    used &= ~np.isin(survey.rows, [j for _, j in known])
    rows = survey.rows[used]
    if len(rows) < 2:
        return [], [], None
    names = np.arange(len(rows)) if groups is None else groups[rows]
    modes = survey.cosine_modes[used]
    pairs, common = agreeing_pairs(modes, survey.cosines, names), None
    if pairs.common:
        common = _common_pattern(rows)
    if pairs.common or pairs.alike:
        modes = modes - modes.mean(axis=0)
        pairs = agreeing_pairs(modes, survey.cosines, names)
        if pairs.common:
            return [], [], common or _common_pattern(rows)
    unit = modes / np.linalg.norm(modes, axis=1, keepdims=True)
    near, phases = [], []
    for i, j, r in zip(pairs.first, pairs.second, pairs.correlation, strict=True):
        whole = float(unit[i] @ unit[j])
        pair = int(rows[i]), int(rows[j])
        if whole > (_NEAR if groups is None else _NEAR_OF_GROUPS):
            near.append((*pair, f"unchanged, correlation {whole:.2f}"))
        else:
            phases.append((*pair, f"correlation of whitened maps {r:.2f}"))
    if common is None:
        seen = {(int(i), int(j)) for i, j in zip(pairs.first, pairs.second, strict=True)}
        near += [
            (int(rows[i]), int(rows[j]), how)
            for i, j, how in _turned(survey, modes, used, names, seen)
        ]
    return near, phases, common


def _turned(survey, modes, used, names, seen):
    """Pairs that agree after a symmetry, and after a shift where maps are periodic."""
    out, seen = [], set(seen)
    elements = symmetries(survey.layout.spatial)[1:]
    # Without shifts fewer modes are enough.
    if survey.waves is None or len(elements) * modes.size * len(modes) < _WORK:
        for element in elements:
            pairs = agreeing_pairs(modes, survey.cosines, names, element, len(elements))
            how = words(element, (0,))
            for i, j, r in zip(pairs.first, pairs.second, pairs.correlation, strict=True):
                if (int(i), int(j)) not in seen:
                    seen.add((int(i), int(j)))
                    out.append((i, j, f"{how}, correlation of whitened maps {r:.2f}"))
    if survey.waves is not None:
        for i, j, r, element, shift in near_copies(
            survey.wave_modes[used], survey.waves, names, seen
        ):
            # Mirrored about cell 0 is flipped and shifted by a cell.
            moved = np.where(element[1] < 0, np.array(shift) + 1, shift) % survey.layout.spatial
            how = words(element, moved)
            out.append((i, j, f"{how}, correlation of whitened maps {r:.2f}"))
    return sorted(out)


def _finding(kind, pairs, splits, groups, n):
    """A finding about pairs, with their clusters."""
    first, second = [i for i, _, _ in pairs], [j for _, j, _ in pairs]
    severity, n_apart = severity_of(first, second, splits, groups, n)
    label = components(n, first, second)
    samples = tuple(sorted({*first, *second}))
    clusters = [tuple(np.flatnonzero(label == k).tolist()) for k in np.unique(label[list(samples)])]
    what = {
        "exact_copies": "maps are exact copies of others",
        "near_copies": "maps are nearly copies of others",
        "shared_phases": "maps have the phases of others, as runs of one seed have",
    }[kind]
    shown = "; ".join(f"{j} is {i} {how}" for i, j, how in pairs[:_SHOWN])
    if kind == "shared_phases":
        shown = "; ".join(f"{i} and {j}, {how}" for i, j, how in pairs[:_SHOWN])
    more = f"; and {len(pairs) - _SHOWN} more pairs" if len(pairs) > _SHOWN else ""
    n_clusters = f"{len(clusters)} cluster{'s' * (len(clusters) > 1)}"
    message = f"{len(samples)} {what}, in {n_clusters}: {shown}{more}."
    details = {"pairs": pairs, "clusters": clusters}
    if groups is not None:
        across = sum(groups[i] != groups[j] for i, j in zip(first, second, strict=True))
        message += f" {across} pairs are of different groups"
        details["groups"] = sorted(
            {tuple(np.unique(groups[list(cluster)]).tolist()) for cluster in clusters}
        )
        if kind == "shared_phases":
            some = [f"({listed(names)})" for names in details["groups"][:_SHOWN]]
            message += f"; groups to join: {', '.join(some)}"
        message += "."
    if splits:
        message += f" {n_apart} pairs are on both sides of a fold."
    remedy = _MERGE if severity != "note" else "none, as long as groups stay whole."
    return Finding(kind, severity, message, samples, remedy, details)


def _common_pattern(rows):
    """A finding about what nearly all maps share."""
    message = (
        f"more than half of all pairs of {len(rows)} maps agree cell by cell: all are of one "
        f"set of initial conditions, or share a pattern such as a mask, a beam or a gradient. It "
        f"was subtracted before maps were compared further."
    )
    remedy = "subtract the mean map; if initial conditions are one, no split of these maps helps."
    return Finding(
        "common_pattern", "warning", message, tuple(rows.tolist()), remedy, {"n_maps": len(rows)}
    )


def _plain_maps(survey):
    """Notes about maps that cannot be compared."""
    findings = []
    rows = np.flatnonzero(survey.plain)
    if len(rows):
        constant = rows[(survey.lows == survey.highs)[rows].all(axis=1)]
        message = (
            f"{len(rows)} maps are empty or nearly so (samples {listed(rows.tolist())}), "
            f"{len(constant)} of them constant; they were not compared."
        )
        findings.append(
            Finding(
                "plain_maps",
                "note",
                message,
                tuple(rows.tolist()),
                "see whether they belong to the data.",
                {"constant": tuple(constant.tolist())},
            )
        )
    n_left = len(survey.maps) - len(survey.rows)
    if n_left:
        message = (
            f"{n_left} maps, chosen at random, were looked at for exact copies only, not for "
            f"near-copies and shared phases."
        )
        remedy = "raise max_maps."
        findings.append(Finding("not_all_compared", "note", message, (), remedy, {"n": n_left}))
    return findings
