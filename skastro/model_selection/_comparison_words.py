"""What a comparison says, in words."""

import numpy as np

FEW_GROUPS = 10
_ROUNDING = 1e-9  # of scores, below which a difference is none
_MUCH = 0.05  # share of resamples without a score that is worth a word


def verdict(comparison):
    """Say which candidate is best, and whether it is better than the baselines.

    Parameters
    ----------
    comparison : Comparison
        The scores.

    Returns
    -------
    str
        Sentences, one a line.
    """
    baselines = [name for name in (comparison.dummy, comparison.summary) if name is not None]
    own = [name for name in comparison.names if name not in baselines]
    scored = [name for name in own if np.isfinite(comparison.score(name))]
    lines = [_setting(comparison)]
    if not scored:
        return "\n".join([*lines, "No candidate has a score, so none is best."])
    best = max(scored, key=comparison.score)
    lines.append(_best(comparison, best, own, scored))
    obstacle = _obstacle(comparison, best)
    if obstacle:
        lines.append(obstacle)
    lines.append(_beside(comparison, best, comparison.dummy, not obstacle, "dummy"))
    lines.append(_beside(comparison, best, comparison.summary, not obstacle, "summary"))
    if len(scored) > 1:
        lines.append(_choice(comparison, best, scored, not obstacle))
    undefined = np.isnan(comparison.bootstrap_scores[best]).mean()
    if _MUCH < undefined < 1:
        lines.append(
            f"{undefined:.0%} of the resamples have no {comparison.scoring} and were left out, so "
            f"that intervals are uncertain: some classes or values are in few groups."
        )
    return "\n".join(lines)


def _setting(comparison):
    n_samples = len(np.unique(np.concatenate([test for _, test in comparison.folds])))
    name, better = comparison.scoring, "greater is better"
    if name.startswith("neg_"):
        name = f"minus the {name.removeprefix('neg_').replace('_', ' ')}"
        better = "so that greater, which is nearer to 0 where errors are positive, is better"
    return (
        f"Score: {name}, {better}, of {n_samples} test samples of "
        f"{comparison.n_groups} groups in {len(comparison.folds)} folds."
    )


def _best(comparison, best, own, scored):
    low, high = comparison.interval(best)
    interval = ""
    if np.isfinite(low):
        interval = f", {comparison.confidence_level:.0%} interval [{low:.4g}, {high:.4g}]"
    of = f" of {len(own)} candidates" if len(own) > 1 else ""
    what = f"Best{of}" if of else "The candidate"
    failed = len(own) - len(scored)
    have = "has" if failed == 1 else "have"
    lacking = f" {failed} of them {have} no score, as fits failed." if failed else ""
    effective = comparison.n_effective[best]
    worth = f" Its errors are worth {effective:.0f} independent samples."
    return (
        f"{what}: {best!r} with {comparison.score(best):.4g}{interval}."
        f"{worth if np.isfinite(effective) else ''}{lacking}"
    )


def _obstacle(comparison, best):
    """Why no claim can be made, if so."""
    if comparison.leaks:
        return (
            "No claim can be made: samples of one group are in training and test, so that what "
            "was learned by heart scores as well."
        )
    if not np.isfinite(comparison.interval(best)).all():
        if comparison.n_groups < 2:
            return "No claim can be made: there is one group alone to test on."
        if any(answer is None for answer in comparison.predictions[best]):
            return (
                f"No claim can be made: fits or predictions of {best!r} failed, and what was put "
                f"in their place is no score."
            )
        return (
            "No claim can be made: the score reads the maps or the estimator, not the predictions "
            "alone, so that it cannot be computed for resampled groups."
        )
    if comparison.n_groups < FEW_GROUPS:
        return (
            f"No claim can be made: {comparison.n_groups} groups are too few for a bootstrap, "
            f"whose intervals are then too narrow. Test on {FEW_GROUPS} groups or more."
        )
    return ""


def _beside(comparison, best, reference, may_claim, kind):
    """How the best stands to a baseline."""
    what = {
        "dummy": "what looks at no map",
        "summary": "the linear model of summary statistics",
    }[kind]
    if reference is None:
        return f"Whether {best!r} beats {what} is not known, as it was declined."
    found = comparison.difference(best, reference)
    if not np.isfinite(found.value):
        return f"Whether {best!r} beats {what} is not known, as that has no score."
    named = f"{reference!r}, {what}"
    by = f"the difference is {found.value:+.4g}"
    if np.isfinite(found.low):
        by += f", {comparison.confidence_level:.0%} interval [{found.low:.4g}, {found.high:.4g}]"
    if not may_claim or not np.isfinite(found.low):
        return f"Beside {named}: {by}."
    least = _ROUNDING * abs(comparison.score(reference))
    if found.low > least:
        return f"{best!r} is better than {named}: {by}.{_broken(comparison, kind)}"
    if found.high < -least:
        end = " Nothing was learned." if kind == "dummy" else " It is no match for them."
        return f"{best!r} is worse than {named}: {by}.{end}"
    end = "Nothing shows that it learned" if kind == "dummy" else "Nothing shows that it adds"
    return f"{best!r} is not separated from {named}: {by}. {end} anything."


def _broken(comparison, kind):
    """A word of caution where the summary that was beaten is itself no better than the dummy."""
    if kind == "dummy" or comparison.dummy is None:
        return ""
    if not comparison.score(comparison.summary) <= comparison.score(comparison.dummy):
        return ""
    return (
        f" But {comparison.summary!r} is itself no better than {comparison.dummy!r}, so that to "
        f"beat it means little."
    )


def _choice(comparison, best, scored, may_claim):
    """What it costs to choose the best of several by the same scores."""
    second = max((name for name in scored if name != best), key=comparison.score)
    found = comparison.difference(best, second)
    separated = may_claim and found.low > 0
    text = "separated" if separated else "not separated"
    return (
        f"It is {text} from the second, {second!r} ({found.value:+.4g}). It was chosen as the best "
        f"of {len(scored)} by these very scores, which flatters it: confirm it on groups that "
        f"were held back."
    )
