"""What every architecture of the package must do, in every number of dimensions."""

import copy
import inspect
import pickle

import pytest
import torch
from sklearn.base import clone

import skastro.nets
from skastro.nets import (
    AlexNet,
    Autoencoder,
    CMDNet,
    ConvNet,
    DenseNet,
    ExcursionNet,
    FieldNet,
    FieldResNet,
    HistogramNet,
    Inception,
    NeighbourhoodNet,
    Net,
    Pretrained,
    ResNet,
    UNet,
)

NETS = {
    "AlexNet": AlexNet((16,) * 5, (16,), first_kernel_size=5, first_stride=2),
    "AlexNet, normalized": AlexNet(
        (4, 4, 6, 6, 4), (8, 5), first_kernel_size=3, first_stride=1, batch_norm=True
    ),
    "AlexNet, periodic": AlexNet(
        (10, 12, 14, 12, 9),
        (),
        n_groups=1,
        first_kernel_size=3,
        first_stride=1,
        local_response_norm=True,
        padding_mode="circular",
    ),
    "Autoencoder": Autoencoder(),
    "Autoencoder, periodic": Autoencoder(
        (6, 4), pooling="mean", activation="elu", batch_norm=True, padding_mode="circular"
    ),
    "CMDNet": CMDNet(1, dropout=0.2),
    "CMDNet, patch": CMDNet(2, 2, padding_mode="zeros"),
    "ConvNet": ConvNet(2, 4, hidden_layer_sizes=(16,), dropout=0.1),
    "ConvNet, periodic": ConvNet(2, 3, batch_norm=True, readout="mean", padding_mode="circular"),
    "ConvNet, strided": ConvNet(2, 4, pooling="stride", padding_mode="circular"),
    "DenseNet": DenseNet((6, 5), batch_norm=True, dropout=0.1),
    "ExcursionNet": ExcursionNet((1.0, 2.0, 3.5), kernel_size=3),
    "ExcursionNet, periodic": ExcursionNet(
        (0.8, 9.0), n_sources=1, hidden_layer_sizes=(), activation="elu", padding_mode="circular"
    ),
    "FieldResNet": FieldResNet(2, 4, dropout=0.1),
    "FieldResNet, dilated": FieldResNet(
        3, 3, kernel_size=4, dilation=(1, 3, 2), batch_norm=True, padding_mode="circular"
    ),
    "HistogramNet": HistogramNet(9, hidden_layer_sizes=(8,), by_channel=True, dropout=0.1),
    "Inception": Inception(9, 4),
    "Inception, periodic": Inception(
        3, 4, stem="small", batch_norm=True, dropout=0.0, padding_mode="circular"
    ),
    "NeighbourhoodNet": NeighbourhoodNet(5, (4, 6), (8, 5), activation="tanh", dropout=0.1),
    "NeighbourhoodNet, periodic": NeighbourhoodNet(
        7, (4, 6), (5,), batch_norm=True, activation="elu", padding_mode="circular"
    ),
    "ResNet": ResNet(18, 2, dropout=0.1),
    "ResNet, bottleneck": ResNet(50, 1, stem="small"),
    "ResNet, periodic": ResNet(10, 2, padding_mode="circular"),
    "UNet": UNet(3, 4, activation="elu", dropout=0.1),
    "UNet, periodic": UNet(
        2,
        (4, 5, 3),
        kernel_size=4,
        pooling="mean",
        batch_norm=True,
        activation="silu",
        padding_mode="circular",
    ),
}
SIZES = {1: [(40,)], 2: [(36, 44), (32, 17)], 3: [(18, 20, 22), (16, 17, 19)]}
every_net = pytest.mark.parametrize("name", NETS)
every_size = pytest.mark.parametrize(
    "spatial", [size for sizes in SIZES.values() for size in sizes], ids=str
)


def build(name, map_shape, n_outputs=3):
    """The module of a net, with weights of one seed."""
    torch.manual_seed(0)
    return NETS[name].build(map_shape, n_outputs)


def trained(name, map_shape):
    """A module whose normalization has seen some maps."""
    module = build(name, map_shape)
    with torch.no_grad():
        module(1 + 2 * torch.randn(4, *map_shape))
    return module.eval()


def test_table_is_complete():
    """Every public architecture is in the table, each under its own name."""
    public = [getattr(skastro.nets, name) for name in skastro.nets.__all__]
    nets = {cls for cls in public if issubclass(cls, Net) and not inspect.isabstract(cls)}
    nets.remove(Pretrained)  # no architecture of its own
    assert {type(net) for net in NETS.values()} == nets
    assert all(type(net).__name__ == name.partition(",")[0] for name, net in NETS.items())


@every_net
@every_size
@pytest.mark.parametrize("n_channels", [1, 3])
def test_forward_and_backward(name, spatial, n_channels):
    """One row or field a map, different for each, and a finite gradient for every weight."""
    module = build(name, (n_channels, *spatial))
    x = torch.randn(4, n_channels, *spatial, requires_grad=True)
    out = module(x)
    makes_fields = isinstance(NETS[name], (Autoencoder, FieldNet))
    assert out.shape == (4, 3, *spatial) if makes_fields else (4, 3)
    assert out.dtype == torch.float32
    assert out.detach().std(0).min() > 0
    (out**2).sum().backward()
    for weights, gradient in [(x, x.grad)] + [(w, w.grad) for w in module.parameters()]:
        assert gradient.shape == weights.shape
        assert torch.isfinite(gradient).all()
    assert x.grad.abs().max() > 0


@every_net
@pytest.mark.parametrize("dim", SIZES)
def test_maps_of_a_batch_do_not_mix(name, dim):
    """Outside training the output for a map does not depend on the others."""
    shape = (2, *SIZES[dim][0])
    module = trained(name, shape)
    x, others = torch.randn(3, *shape), 50 * torch.randn(4, *shape)
    together = module(torch.cat([others, x]))[4:]
    torch.testing.assert_close(together, module(x), atol=1e-5, rtol=1e-4)


@every_net
@pytest.mark.parametrize("dim", [2, 3])
def test_channels_last(name, dim):
    """The order in which values are stored does not matter."""
    shape = (2, *SIZES[dim][0])
    module, x = trained(name, shape), torch.randn(3, *shape)
    want = module(x)
    order = torch.channels_last if dim == 2 else torch.channels_last_3d
    got = module.to(memory_format=order)(x.contiguous(memory_format=order))
    torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-4)


@every_net
@pytest.mark.parametrize("dim", SIZES)
def test_weights_are_those_of_the_seed(name, dim):
    """Building twice gives equal bits, going on gives others."""
    shape = (1, *SIZES[dim][0])
    first, again = build(name, shape).state_dict(), build(name, shape).state_dict()
    other = NETS[name].build(shape, 3).state_dict()
    assert list(first) == list(again)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not all(torch.equal(first[key], other[key]) for key in first)


@every_net
@pytest.mark.parametrize(
    "duplicate",
    [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))],
    ids=["deepcopy", "pickle"],
)
def test_modules_can_be_copied(name, duplicate):
    """A copy gives the same bits, and shares no weights."""
    shape = (2, 36, 44)
    module, x = trained(name, shape), torch.randn(3, *shape)
    other = duplicate(module)
    want = module(x)
    assert torch.equal(other(x), want)
    with torch.no_grad():
        for weights in other.parameters():
            weights.zero_()
    assert torch.equal(module(x), want)


@every_net
def test_parameter_object(name):
    """Cloned, written out and read again; building changes nothing, and `dim` is kept to."""
    net = NETS[name]
    before = net.get_params()
    duplicate = clone(net)
    assert duplicate is not net
    assert duplicate.get_params() == before
    assert eval(repr(net)).get_params() == before
    assert repr(type(net)()) == f"{type(net).__name__}()"
    state = dict(vars(net))
    net.build((1, 36, 44), 2)
    assert vars(net) == state
    with pytest.raises(ValueError, match=rf"{type(net).__name__}\(dim=3\)"):
        duplicate.set_params(dim=3).build((1, 36, 44), 2)
