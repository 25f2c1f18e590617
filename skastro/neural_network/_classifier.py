"""Classification of maps with a network."""

from typing import Literal, Self

import numpy as np
from scipy.special import log_softmax, logsumexp, softmax
from sklearn.base import ClassifierMixin
from sklearn.utils import assert_all_finite
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from ..utils._params import StrOptions
from ..utils._typing import ArrayLike, MapsLike, PathLike, RandomState
from ._base import NetEstimator
from ._losses import CLASSIFICATION_LOSSES
from ._streaming import Streaming
from ._symmetries import Symmetries
from ._types import Callbacks, Devices, LossFunction, NetLike, OptimizerLike, Precision, Schedule


class CNNClassifier(ClassifierMixin, NetEstimator):
    """Classes from maps, by a network that is trained through skorch.

    Parameters
    ----------
    net : Net or callable, default=None
        Architecture; None is ``ConvNet()``. A callable takes ``(map_shape, n_outputs)`` and
        returns a torch module whose outputs are logits.
    loss : {"log_loss"} or callable, default="log_loss"
        Cross-entropy, or a function of logits ``(n, n_classes)`` and class numbers ``(n,)``
        that returns one loss for each sample.
    class_weight : dict or "balanced", default=None
        Weight of each class in the loss: a dict of classes and weights, in which a class of
        weight zero is left out of training; or "balanced" for weights inverse to the number of
        samples in each class, counted over all samples given to fit whose `sample_weight` is
        not zero. A sample's weight is the product of this and its `sample_weight`.
        Probabilities are then those of a population in which classes are as much more frequent.
    optimizer : {"adam", "adamw", "sgd"} or callable, default="adamw"
        Optimizer [1]_, or a class of ``torch.optim``. "sgd" has Nesterov momentum 0.9.
    lr : float, default=1e-3
        Learning rate; with a schedule, the greatest one.
    weight_decay : float, default=0.01
        Decay of the weights, as the optimizer defines it, where it does.
    max_grad_norm : float, default=None
        Greatest norm of the gradient of all weights together; a longer one is shortened to it
        [3]_. None leaves gradients as they are.
    batch_size : int, default=32
        Samples in a batch.
    max_epochs : int, default=50
        Number of epochs in all, also where `warm_start` continues a run.
    schedule : {"one_cycle", "cosine", "plateau"} or None, default="one_cycle"
        How the learning rate changes over the run: up and down again from batch to batch
        [2]_, where the momentum of a named optimizer goes down and up; down along a cosine;
        to a tenth after ``patience // 2`` epochs in which the loss did not fall, that on the
        validation samples where there are any; or not at all.
    warmup_epochs : int, default=None
        Epochs over which the learning rate rises to `lr`. None is three tenths of the run for
        "one_cycle", and no rise for the others.
    early_stopping : bool, default=False
        Whether a part of the training samples is set aside, training stops when the loss on
        it no longer falls, and the weights of the best epoch are kept. With a schedule that
        ends at `max_epochs`, the best epoch is often one of the last.
    validation_fraction : float, default=0.1
        Share of the samples, or of the groups where `groups` are given to fit, set aside: those
        for which a hash of the group (else of the position in X) and the seed is less. So the
        share is met on average, and what is added later leaves the others on their side.
    patience : int, default=10
        Epochs without a lower validation loss after which training stops.
    augmentation : Symmetries or None, default=None
        Random symmetries of the training maps, drawn anew for each sample and epoch.
    average_symmetries : bool, default=False
        Whether a prediction is the mean over all turns and mirrors of the map that
        `augmentation` has, at as many times the cost.
    precision : {"auto", "float32", "tf32", "bfloat16"}, default="auto"
        How products are computed in training. "auto" is "tf32" on GPUs that have it, else
        "float32"; what was chosen is in ``precision_``. Weights, losses and predictions are
        float32 in any case. "bfloat16" is automatic mixed precision.
    compile : bool, default=False
        Whether training runs through ``torch.compile``, which takes up to a minute at first
        and a C++ compiler.
    device : str, default="auto"
        Where to train: "auto" is the GPU where there is one, else the processor; or a name
        that torch knows, such as "cpu" or "cuda:1".
    devices : int or "all", default=None
        Processes that share each batch of one fit, on GPUs one for each; "all" takes all GPUs
        that are there, or the processes that ``torchrun`` has started. None trains in this
        process. Steps are those of one process but for rounding; dropout differs. Callbacks run
        in the first process, those of skorch that steer the training, and those with an attribute
        ``every_process = True``, in each.
    n_threads : int, default=None
        Threads that torch may use; None leaves them as they are set.
    streaming : Streaming, default=None
        How lazy maps are shuffled and read ahead; None is ``Streaming()``.
    checkpoint : path-like, default=None
        Folder in which each fit keeps a file of its state, named by a fingerprint of data,
        rows, parameters and the code of what the user wrote. A fit that was killed goes on
        from there, with the bits of one that was not; one that was finished is restored at
        once. With ``random_state=None`` the seed is that of the file. Maps in files are told
        apart by name, size, time of change and a few of their rows.
    checkpoint_interval : float, default=None
        Seconds after which the file is written again, also within an epoch. None writes it
        after each epoch.
    callbacks : list of skorch.callbacks.Callback or callable, default=None
        Callbacks, copied before use; or functions without arguments that return one, for what
        cannot be copied or sent to another process. Those of the last fit are in
        ``net_.callbacks``. Attributes that end with an underscore are kept in a checkpoint.
        Callbacks of scikit-learn 1.9 are set by ``set_callbacks``.
    warm_start : bool, default=False
        Whether a further fit goes on from the weights that are there, in the same net whatever
        `net` has become, with a new optimizer and a schedule over the epochs that are left.
    random_state : int, numpy.random.RandomState or None, default=None
        Covers weights, order of samples, augmentation, dropout, noise and what is set aside.
        An int gives equal results on equal numbers of threads. Global states are left alone.
    verbose : {0, 1, 2}, default=0
        0 is silent, 1 shows a progress bar, 2 prints a line for each epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Classes that fit saw.
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_`` is the torch module.
    history_ : list of dict
        Number, losses, learning rate and duration in seconds of each epoch: a table for
        ``pandas.DataFrame(model.history_)``.
    n_iter_ : int
        Epochs that were run.
    precision_ : str
        How products were computed in training.
    sample_shape_ : tuple of int
        Shape of a training sample.
    n_features_in_ : int
        Length of the first axis of a sample.

    See Also
    --------
    CNNRegressor : Numbers from maps.
    skastro.ensemble.SliceClassifier : Classes of cubes by way of their slices.

    References
    ----------
    .. [1] D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR (2015);
       I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR (2019).
    .. [2] L. N. Smith, N. Topin, "Super-convergence", arXiv:1708.07120 (2017).
    .. [3] R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural
       networks", ICML (2013).

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.nets import ConvNet
    >>> from skastro.neural_network import CNNClassifier
    >>> rng = np.random.default_rng(0)
    >>> label = rng.choice(["calm", "rough"], size=200)
    >>> spread = np.where(label == "calm", 1.0, 2.0)
    >>> maps = spread[:, None, None] * rng.normal(size=(200, 8, 8))
    >>> net = ConvNet(n_layers=1, readout="mean")
    >>> model = CNNClassifier(net, lr=0.02, max_epochs=40, n_threads=1, random_state=0)
    >>> model.fit(maps[:150], label[:150]).score(maps[150:], label[150:]) > 0.9
    True
    """

    _losses = CLASSIFICATION_LOSSES

    _parameter_constraints = NetEstimator._parameter_constraints | {
        "loss": [StrOptions(set(CLASSIFICATION_LOSSES)), callable],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        net: NetLike | None = None,
        *,
        loss: Literal["log_loss"] | LossFunction = "log_loss",
        class_weight: dict | Literal["balanced"] | None = None,
        optimizer: OptimizerLike = "adamw",
        lr: float = 1e-3,
        weight_decay: float = 0.01,
        max_grad_norm: float | None = None,
        batch_size: int = 32,
        max_epochs: int = 50,
        schedule: Schedule | None = "one_cycle",
        warmup_epochs: int | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        patience: int = 10,
        augmentation: Symmetries | None = None,
        average_symmetries: bool = False,
        precision: Precision = "auto",
        compile: bool = False,
        device: str = "auto",
        devices: Devices | None = None,
        n_threads: int | None = None,
        streaming: Streaming | None = None,
        checkpoint: PathLike | None = None,
        checkpoint_interval: float | None = None,
        callbacks: Callbacks | None = None,
        warm_start: bool = False,
        random_state: RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.net = net
        self.loss = loss
        self.class_weight = class_weight
        self.optimizer = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.max_grad_norm = max_grad_norm
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.schedule = schedule
        self.warmup_epochs = warmup_epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.augmentation = augmentation
        self.average_symmetries = average_symmetries
        self.precision = precision
        self.compile = compile
        self.device = device
        self.devices = devices
        self.n_threads = n_threads
        self.streaming = streaming
        self.checkpoint = checkpoint
        self.checkpoint_interval = checkpoint_interval
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self,
        X: MapsLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Train the net.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps. Two axes are signals; how more axes are read depends on ``net.dim``.
        y : array-like of shape (n_samples,)
            Classes, numbers or strings.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples in the loss, of which only ratios matter. Samples of weight
            zero are left out. Those of `class_weight` multiply them.
        groups : array-like of shape (n_samples,), default=None
            Which simulation a sample is from. Early stopping then validates on whole groups.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        MapShapeError
            If the maps do not fit the net.
        ValueError
            If a value is not finite, a parameter is out of its range, the device is absent,
            `class_weight` has no weight for a class, or a warm start is to go on with other
            classes.
        TypeError
            If `net` builds no module, or `callbacks` holds no callbacks.
        OSError
            If the folder of the checkpoint cannot be written to.
        DivergenceError
            If a loss or a weight becomes NaN or infinite; the estimator is then not fitted.

        Warns
        -----
        CheckpointWarning
            If a checkpoint cannot be read or written. Training goes on.
        ConvergenceWarning
            If a warm start finds nothing left to train.
        PerformanceWarning
            If chunks of a file are decompressed many times in an epoch, see `Streaming`.
        """
        X, sample_weight, groups = self._check_fit(X, y, sample_weight, groups)
        y = column_or_1d(y, warn=True)
        assert_all_finite(y, input_name="y", estimator_name=self._name)
        check_classification_targets(y)
        given = y, sample_weight
        classes, y = np.unique(y, return_inverse=True)
        if self._continues and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"{self._name}(warm_start=True) was fitted on the classes {self.classes_} and "
                f"cannot go on with {classes}. Set warm_start=False."
            )
        sample_weight = self._weigh_classes(classes[y], sample_weight)
        self.classes_: np.ndarray = classes
        self._fit_net(X, y.astype(np.int64), (len(classes),), sample_weight, groups, given)
        return self

    def _weigh_classes(self, y, sample_weight):
        """Weights of samples times those of their classes; None where all weigh the same."""
        if self.class_weight is None:
            return sample_weight
        counted = None
        if self.class_weight == "balanced" and sample_weight is not None:
            counted = np.flatnonzero(sample_weight)
        weight = compute_sample_weight(self.class_weight, y, indices=counted)
        if not np.isfinite(weight).all() or weight.min() < 0:
            raise ValueError(
                f"{self._name}(class_weight={self.class_weight}) needs weights that are finite, "
                f"and 0 or greater."
            )
        weight = (weight if sample_weight is None else weight * sample_weight).astype(np.float32)
        if np.count_nonzero(weight) < 2:
            raise ValueError(
                f"{self._name}(class_weight={self.class_weight}) needs at least 2 samples whose "
                f"weight is not zero; got {np.count_nonzero(weight)}. Raise the weights of classes."
            )
        return weight

    def predict_proba(self, X: MapsLike) -> np.ndarray:
        """Probability of each class.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps of the shape that was fitted.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities, in the order of ``classes_``: with ``average_symmetries=True`` the
            mean of those of all views.

        Raises
        ------
        MapShapeError
            If samples have not the shape that was fitted.
        DivergenceError
            If the net makes NaN or infinity of the maps.
        """
        return softmax(self._forward(X).astype(np.float64), axis=2).mean(axis=0)

    def predict_log_proba(self, X: MapsLike) -> np.ndarray:
        """Logarithm of the probability of each class.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps of the shape that was fitted.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Natural logarithms, in the order of ``classes_``.

        Raises
        ------
        MapShapeError
            If samples have not the shape that was fitted.
        DivergenceError
            If the net makes NaN or infinity of the maps.
        """
        outputs = self._forward(X).astype(np.float64)
        return logsumexp(log_softmax(outputs, axis=2), axis=0) - np.log(len(outputs))

    def predict(self, X: MapsLike) -> np.ndarray:
        """Predict the most probable class.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps of the shape that was fitted.

        Returns
        -------
        ndarray of shape (n_samples,)
            Classes.

        Raises
        ------
        MapShapeError
            If samples have not the shape that was fitted.
        DivergenceError
            If the net makes NaN or infinity of the maps.
        """
        most_probable = self.predict_proba(X).argmax(axis=1)
        return self.classes_[most_probable]
