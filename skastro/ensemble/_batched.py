"""Members of an ensemble that are trained as one batched computation."""

import copy

from sklearn import config_context
from sklearn.pipeline import Pipeline

from ..neural_network import CNNRegressor
from ..neural_network._batched import check_batched, train_batched


def fit_batched(owner, members, X, y, groups):
    """Fit estimators that are copies of each other but for their random states.

    Steps before the nets are fitted once where none of them is random.

    Parameters
    ----------
    owner : str
        The ensemble, named in errors.
    members : list of CNNRegressor, or list of Pipeline that end in one
        What is fitted.
    X : ndarray or LazyMaps of shape (n_samples, [n_channels,] *spatial)
        Maps.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Targets.
    groups : array-like of shape (n_samples,) or None
        Which simulation a sample is from.

    Returns
    -------
    list
        The members, fitted.

    Raises
    ------
    ValueError
        If the nets cannot be trained together.
    DivergenceError
        If a loss becomes NaN or infinite.
    """
    nets = [member[-1] if isinstance(member, Pipeline) else member for member in members]
    if not isinstance(nets[0], CNNRegressor):
        raise ValueError(
            f"{owner}(batched=True) takes a CNNRegressor as estimator, or a pipeline whose last "
            f"step is one. Got {members[0]!r} instead. Change it, or set batched=False."
        )
    check_batched(nets[0], owner)
    waiting, maps = [], X
    with config_context(enable_metadata_routing=False):
        for number, (member, net) in enumerate(zip(members, nets, strict=True)):
            if member is not net:
                front = member[:-1]
                if number and not _is_random(front):
                    front = copy.deepcopy(members[0][:-1])
                else:
                    maps = front.fit_transform(X, y)
                member.steps[:-1] = front.steps
            net._waits_in = waiting
            net.fit(maps, y, groups=groups)
            del net._waits_in
        train_batched(waiting, owner)
    return members


def _is_random(estimator):
    """Whether an estimator, or one within it, has a random state."""
    return any(name.rpartition("__")[2] == "random_state" for name in estimator.get_params())
