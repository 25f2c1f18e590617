"""Seeds for the estimator inside another one."""


def seed_unset(estimator, seed):
    """Set each parameter `random_state` that is None, also of what is nested.

    Parameters
    ----------
    estimator : estimator
        The estimator, changed in place.
    seed : int
        The seed.
    """
    unset = {
        name: seed
        for name, value in estimator.get_params().items()
        if value is None and (name == "random_state" or name.endswith("__random_state"))
    }
    if unset:
        estimator.set_params(**unset)
