"""Members of an ensemble that are trained as one batched computation."""

import copy

from sklearn import config_context
from sklearn.pipeline import Pipeline

from ..neural_network import CNNRegressor
from ..neural_network._batched import check_batched, train_batched
from ..neural_network._device_lease import leased_device


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
    nets[0]._validate_params()
    check_batched(nets[0], owner)
    device = nets[0].device
    with (
        config_context(enable_metadata_routing=False),
        leased_device(device, owner) as leased,
    ):
        for net in nets:
            net.set_params(device=str(leased))
        train_batched(_untrained(members, nets, X, y, groups), owner)
    for net in nets:
        net.set_params(device=device)
    return members


def _untrained(members, nets, X, y, groups):
    """Fit the steps before the nets, and make these; returns them with the samples of each."""
    waiting, maps = [], X
    for number, (member, net) in enumerate(zip(members, nets, strict=True)):
        if member is not net and len(member.steps) > 1:
            front = member[:-1]
            if number and not _is_random(front):
                front = copy.deepcopy(members[0][:-1])
            else:
                maps = front.fit_transform(X, y)
            member.steps[:-1] = front.steps
        net._waits_in = waiting
        net.fit(maps, y, groups=groups)
        del net._waits_in
    return waiting


def _is_random(estimator):
    """Whether an estimator, or one within it, has a random state."""
    return any(name.rpartition("__")[2] == "random_state" for name in estimator.get_params())
