"""Early stopping: what is set aside, when it stops, which weights stay."""

import numpy as np
import pytest
import torch
from sklearn.base import clone

from skastro.maps import open_maps
from skastro.nets import ConvNet
from skastro.neural_network import CNNClassifier, CNNRegressor

NOISY = {"lr": 0.1, "max_epochs": 30, "patience": 3, "validation_fraction": 0.3, "schedule": None}


def parts(record, model):
    """Rows to train on and to validate on in the first epoch."""
    return [dataset.rows.numpy() for dataset in record.of(model).datasets_[0]]


@pytest.fixture
def noise(options):
    """A model that soon learns noise by heart, and the noise."""
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(60, 6, 6)).astype("float32"), rng.normal(size=60)
    net = ConvNet(1, 8, dropout=0.2)
    return CNNRegressor(early_stopping=True, **options | NOISY | {"net": net}), X, y


def test_samples_are_set_aside(rough, options, record):
    """Without groups: about a share of the samples, each on one side."""
    model = CNNClassifier(
        early_stopping=True, validation_fraction=0.25, callbacks=[record.callback()], **options
    ).fit(rough.X, rough.label)
    train, valid = parts(record, model)
    assert 9 <= len(valid) <= 21
    assert sorted([*train, *valid]) == list(range(60))
    assert all(
        set(data.rows.tolist()) == set(rows)
        for datasets in record.of(model).datasets_
        for data, rows in zip(datasets, (train, valid), strict=True)
    )


@pytest.mark.parametrize("kind", [int, str])
def test_whole_groups_are_set_aside(kind, rough, options, record):
    """With groups: about a share of the groups, none on both sides."""
    groups = rough.groups[np.random.default_rng(0).permutation(60)].astype(kind)
    model = CNNRegressor(
        early_stopping=True, validation_fraction=0.25, callbacks=[record.callback()], **options
    ).fit(rough.X, rough.y, groups=groups)
    train, valid = parts(record, model)
    assert sorted([*train, *valid]) == list(range(60))
    assert 1 <= len(set(groups[valid])) <= 6
    assert not set(groups[train]) & set(groups[valid])


def test_targets_are_scaled_by_training_rows_alone(rough, options, record):
    """What is set aside does not enter the mean and the spread of the targets."""
    model = CNNRegressor(
        early_stopping=True, validation_fraction=0.25, callbacks=[record.callback()], **options
    ).fit(rough.X, rough.y, groups=rough.groups)
    train, _ = parts(record, model)
    np.testing.assert_allclose(model.target_scaler_.center_, [rough.y[train].mean()])
    np.testing.assert_allclose(model.target_scaler_.scale_, [rough.y[train].std()])
    assert abs(rough.y[train].mean() - rough.y.mean()) > 1e-6


def test_seed_decides_what_is_set_aside(rough, options, record):
    """Equal seeds set the same aside, other seeds something else."""

    def valid(seed):
        model = CNNRegressor(
            early_stopping=True, callbacks=[record.callback()], **options | {"random_state": seed}
        ).fit(rough.X, rough.y, groups=rough.groups)
        return tuple(parts(record, model)[1])

    assert valid(3) == valid(3)
    assert len({valid(seed) for seed in range(5)}) > 1


@pytest.mark.parametrize("lazy", [False, True])
def test_nothing_is_copied(lazy, rough, options, record):
    """Both parts read from the very maps that were given."""
    X = open_maps(rough.X) if lazy else rough.X
    model = CNNRegressor(early_stopping=True, callbacks=[record.callback()], **options)
    model.fit(X, rough.y)
    for dataset in record.of(model).datasets_[0]:
        if lazy:
            assert dataset.maps.source is X.source
        else:
            assert dataset.maps.data_ptr() == X.ctypes.data


def test_best_weights_are_kept(noise, record):
    """The weights are those of the epoch of least validation loss, not the last ones."""
    model, X, y = noise
    model.set_params(callbacks=[record.callback()]).fit(X, y)
    losses = [epoch["valid_loss"] for epoch in model.history_]
    best = int(np.argmin(losses))
    assert best < len(losses) - 1
    weights = record.of(model).weights_
    assert all(
        torch.equal(value, weights[best][name])
        for name, value in model.net_.module_.state_dict().items()
    )
    assert not torch.equal(weights[best]["head.1.weight"], weights[-1]["head.1.weight"])
    _, valid = parts(record, model)
    scaled = (model.predict(X[valid]) - y[valid]) / model.target_scaler_.scale_
    np.testing.assert_allclose(np.mean(scaled**2), losses[best], rtol=1e-4)


@pytest.mark.parametrize("patience", [1, 2, 4])
def test_patience(patience, noise):
    """Training stops so many epochs after the best one, and not before."""
    model, X, y = noise
    losses = [epoch["valid_loss"] for epoch in model.set_params(patience=100).fit(X, y).history_]
    assert len(losses) == model.n_iter_ == 30
    stop = next(i for i in range(patience, 30) if np.argmin(losses[: i + 1]) == i - patience)
    model.set_params(patience=patience).fit(X, y)
    assert [epoch["valid_loss"] for epoch in model.history_] == losses[: stop + 1]
    assert model.n_iter_ == stop + 1 < 30


def test_validation_does_not_change_training(rough, options, record):
    """The first epochs are those of a fit on the training part alone."""
    model = CNNRegressor(callbacks=[record.callback()], normalize_y=False, **options)
    model.set_params(net__batch_norm=True, early_stopping=True).fit(rough.X, rough.y)
    train, _ = parts(record, model)
    alone = clone(model).set_params(early_stopping=False).fit(rough.X[train], rough.y[train])
    for ours, theirs in zip(record.of(model).weights_, record.of(alone).weights_, strict=True):
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_without_early_stopping_nothing_is_set_aside(rough, options, record):
    """Groups are then not looked at, even where there is only one."""
    model = CNNRegressor(callbacks=[record.callback()], **options)
    model.fit(rough.X, rough.y, groups=np.zeros(60))
    train, valid = record.of(model).datasets_[0]
    assert sorted(train.rows.tolist()) == list(range(60))
    assert valid is None
    assert all("valid_loss" not in epoch for epoch in model.history_)
    assert model.n_iter_ == 3


def test_one_group(rough, options):
    """A single simulation cannot be validated on another."""
    model = CNNRegressor(early_stopping=True, **options)
    with pytest.raises(ValueError, match="1 groups") as error:
        model.fit(rough.X, rough.y, groups=np.full(60, 7))
    assert "CNNRegressor" in str(error.value)
    assert "early_stopping=False" in str(error.value)
    assert not hasattr(model, "net_")


@pytest.mark.parametrize("fraction", [1e-9, 1 - 1e-9])
def test_neither_side_is_empty(fraction, rough, options, record):
    """However small or great the share, a group is left on each side."""
    model = CNNRegressor(
        early_stopping=True,
        validation_fraction=fraction,
        callbacks=[record.callback()],
        **options,
    ).fit(rough.X, rough.y, groups=rough.groups)
    assert sorted(len(rows) for rows in parts(record, model)) == [5, 55]


def test_samples_that_are_added(rough, options, record):
    """Samples and groups that are added leave the others on their side."""
    model = CNNRegressor(early_stopping=True, callbacks=[record.callback()], **options)
    model.set_params(validation_fraction=0.3)
    for groups in (None, rough.groups):
        few = None if groups is None else groups[:40]
        before = parts(record, model.fit(rough.X[:40], rough.y[:40], groups=few))
        after = parts(record, model.fit(rough.X, rough.y, groups=groups))
        for rows, grown in zip(before, after, strict=True):
            assert set(rows) == {row for row in grown if row < 40}


@pytest.mark.parametrize(
    "parameters",
    [{"validation_fraction": 0.0}, {"validation_fraction": 1.0}, {"patience": 0}],
)
def test_parameters_are_checked(parameters, rough, options):
    """Shares lie between zero and one, patience is at least one epoch."""
    (name,) = parameters
    with pytest.raises(ValueError, match=name):
        CNNRegressor(early_stopping=True, **options | parameters).fit(rough.X, rough.y)
    with pytest.raises(ValueError, match="inconsistent"):
        CNNRegressor(early_stopping=True, **options).fit(rough.X, rough.y, groups=[1, 2])
