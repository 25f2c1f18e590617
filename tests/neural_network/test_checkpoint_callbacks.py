"""Callbacks of skorch in fits with checkpoints: what they remember outlives an interruption."""

import numpy as np
import pytest
import torch
from skorch.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    Freezer,
    GradientNormClipping,
    LRScheduler,
    TrainEndCheckpoint,
)

from skastro.nets import ConvNet
from skastro.neural_network import CNNRegressor


class Memory(Callback):
    """Makes the rate depend on all that it has seen since training began."""

    def on_train_begin(self, net, **kwargs):
        """Forget all."""
        self.seen_, self.sum_, self.pair_ = [], torch.zeros(2), (0, {"n": 0})

    def on_epoch_end(self, net, **kwargs):
        """Remember the epoch."""
        self.seen_.append(len(net.history))
        self.sum_ += 1
        self.pair_ = (self.pair_[0] + 1, {"n": self.pair_[1]["n"] + 1})
        total = sum(self.seen_) + self.sum_.sum().item() + self.pair_[0] + self.pair_[1]["n"]
        net.optimizer_.param_groups[0]["lr"] = 0.1 / total


CALLBACKS = {
    "steps of epochs": lambda: LRScheduler("StepLR", step_size=2, gamma=0.1),
    "steps of batches": lambda: LRScheduler("StepLR", step_size=5, gamma=0.5, step_every="batch"),
    "cycle": lambda: LRScheduler("CyclicLR", base_lr=0.001, max_lr=0.1, step_size_up=5,
                                 cycle_momentum=False, step_every="batch"),
    "plateau": lambda: LRScheduler("ReduceLROnPlateau", monitor="train_loss", patience=0,
                                   threshold=0.1),
    "stopping": lambda: EarlyStopping("train_loss", patience=3, threshold=0.95),
    "stopping at the best": lambda: EarlyStopping("train_loss", patience=3, load_best=True,
                                                  lower_is_better=False),
    "clipping": lambda: GradientNormClipping(0.01),
    "frozen": lambda: Freezer("features*"),
    "memory": Memory,
}  # fmt: skip


@pytest.mark.parametrize("epoch", [1, 2, 3])
@pytest.mark.parametrize("name", CALLBACKS)
def test_interrupted(name, epoch, rough, options, tmp_path, interrupt, fits):
    """The fit that goes on ends with the bits of the one that was not interrupted."""
    options |= {"schedule": None, "lr": 0.05, "max_epochs": 6, "net": ConvNet(2, 2)}
    options |= {"callbacks": [CALLBACKS[name]()]}
    whole = CNNRegressor(**options).fit(rough.X, rough.y)
    interrupt(4 * epoch + 1)
    with pytest.raises(KeyboardInterrupt):
        CNNRegressor(checkpoint=tmp_path, **options).fit(rough.X, rough.y)
    again = CNNRegressor(checkpoint=tmp_path, **options).fit(rough.X, rough.y)
    fits.assert_same(again, whole)
    np.testing.assert_array_equal(again.predict(rough.X), whole.predict(rough.X))
    assert len(list(tmp_path.iterdir())) == 1
    assert whole.n_iter_ == (4 if "stopping" in name else 6)


def test_callbacks_matter(rough, options, fits):
    """Each of them changes the fit, so that what it remembers is worth keeping."""
    options |= {"schedule": None, "lr": 0.05, "max_epochs": 6, "net": ConvNet(2, 2)}
    plain = fits.state(CNNRegressor(**options).fit(rough.X, rough.y))[0]
    for name, make in CALLBACKS.items():
        changed = fits.state(CNNRegressor(callbacks=[make()], **options).fit(rough.X, rough.y))[0]
        assert any((a != b).any() for a, b in zip(plain, changed, strict=True)), name


def test_rates(rough, options, tmp_path, interrupt):
    """The rate that a scheduler set is the one after the interruption as well."""
    options |= {"schedule": None, "lr": 0.1, "max_epochs": 6, "checkpoint": tmp_path}
    options |= {"callbacks": [LRScheduler("StepLR", step_size=2, gamma=0.1)]}
    interrupt(13)
    with pytest.raises(KeyboardInterrupt):
        CNNRegressor(**options).fit(rough.X, rough.y)
    model = CNNRegressor(**options).fit(rough.X, rough.y)
    rates = [epoch["lr"] for epoch in model.history_]
    np.testing.assert_allclose(rates, [0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


@pytest.mark.parametrize("early_stopping", [False, True])
def test_finished_fit_with_the_best_weights(early_stopping, rough, options, tmp_path, fits):
    """What a callback does to the weights after the last epoch is in the file."""
    stopping = EarlyStopping("train_loss", patience=2, load_best=True, lower_is_better=False)
    options |= {"callbacks": [stopping], "schedule": None, "lr": 0.1, "max_epochs": 9}
    options |= {"early_stopping": early_stopping, "patience": 100}
    first = CNNRegressor(checkpoint=tmp_path, **options).fit(rough.X, rough.y)
    restored = CNNRegressor(checkpoint=tmp_path, **options).fit(rough.X, rough.y)
    fits.assert_same(restored, first)
    np.testing.assert_array_equal(restored.predict(rough.X), first.predict(rough.X))
    losses = [epoch["train_loss"] for epoch in first.history_]
    assert len(losses) == 3
    shorter = options | {"callbacks": None, "max_epochs": int(np.argmax(losses)) + 1}
    if not early_stopping:
        best = CNNRegressor(**shorter).fit(rough.X, rough.y)
        np.testing.assert_array_equal(first.predict(rough.X), best.predict(rough.X))


def test_checkpoint_of_skorch(rough, options, record, tmp_path):
    """It watches the validation loss by default, and keeps the weights of the best epoch."""
    options |= {"early_stopping": True, "max_epochs": 8, "lr": 0.3, "schedule": None}
    options["callbacks"] = [record.callback(), Checkpoint(dirname=tmp_path)]
    model = CNNRegressor(**options).fit(rough.X, rough.y)
    losses = [epoch["valid_loss"] for epoch in model.history_]
    best = [loss < min(losses[:i], default=np.inf) for i, loss in enumerate(losses)]
    assert model.net_.history[:, "valid_loss_best"] == best
    assert not all(best)
    kept = torch.load(tmp_path / "params.pt", weights_only=True)
    expected = record.of(model).weights_[int(np.argmin(losses))]
    assert kept.keys() == expected.keys()
    for name, value in kept.items():
        assert value.equal(expected[name])


def test_checkpoint_of_skorch_goes_on(rough, options, tmp_path, interrupt, fits):
    """After an interruption it still knows which epoch was the best."""
    options |= {"early_stopping": True, "max_epochs": 6, "lr": 0.3, "schedule": None}

    def fit(name):
        callbacks = [Checkpoint(dirname=tmp_path / name)]
        model = CNNRegressor(checkpoint=tmp_path / f"of {name}", callbacks=callbacks, **options)
        return model.fit(rough.X, rough.y)

    whole = fit("whole")
    interrupt(17)
    with pytest.raises(KeyboardInterrupt):
        fit("broken")
    fits.assert_same(fit("broken"), whole)
    kept = [torch.load(tmp_path / n / "params.pt", weights_only=True) for n in ("whole", "broken")]
    assert all(kept[0][name].equal(kept[1][name]) for name in kept[0])


def test_checkpoint_at_the_end(rough, options, tmp_path):
    """The callback of skorch that saves once saves what the fit ends with."""
    options["callbacks"] = [TrainEndCheckpoint(dirname=tmp_path)]
    model = CNNRegressor(**options).fit(rough.X, rough.y)
    kept = torch.load(tmp_path / "train_end_params.pt", weights_only=True)
    for name, value in model.net_.module_.state_dict().items():
        assert value.equal(kept[name])
