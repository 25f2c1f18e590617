"""Audits: each planted leak is found with its samples, and none on clean data."""

import h5py
import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold, KFold
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skastro.maps import open_maps
from skastro.model_selection import AuditReport, Finding, audit
from skastro.preprocessing import FieldScaler

SHAPES = [(16, 20), (7, 8, 9)]
FOLDS = KFold(3)


def fields(n, shape, slope=2.0, seed=0, lognormal=False):
    """Periodic random fields with a red spectrum, no two alike."""
    axes = tuple(range(1, len(shape) + 1))
    k = np.sqrt(sum(k**2 for k in np.meshgrid(*map(np.fft.fftfreq, shape), indexing="ij")))
    amplitude = np.where(k > 0, np.where(k > 0, k, 1) ** (-slope / 2), 0)
    amplitude /= np.sqrt(np.square(amplitude).mean())
    white = np.random.default_rng(seed).normal(size=(n, *shape))
    out = np.fft.ifftn(np.fft.fftn(white, axes=axes) * amplitude, axes=axes).real
    return (np.exp(out) if lognormal else out).astype("float32")


def found(report):
    """Kinds and samples."""
    return {finding.kind: finding.samples for finding in report.findings}


@pytest.mark.parametrize("shape", SHAPES)
def test_clean_data_pass(shape):
    maps = fields(30, shape)
    y = np.random.default_rng(1).normal(size=30) + 0.5
    for groups, cv in ((None, None), (None, FOLDS), (np.arange(30) // 5, None)):
        report = audit(maps, y, groups=groups, cv=cv, dim=len(shape))
        assert report.passed
        assert report.findings == []
        assert len(np.unique(report.merged_groups_)) == (30 if groups is None else 6)


def test_no_false_alarms_in_many_clean_sets():
    for seed in range(100):
        options = {"slope": seed % 7, "lognormal": seed % 3 == 0, "seed": seed}
        maps = fields(4 + seed % 9, (8, 10), **options)
        if seed % 4 == 1:
            maps = maps[:, :6, :7]  # not periodic
        assert audit(maps).findings == [], options


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("lazy", [False, True])
def test_copies_are_found_whatever_turns_them(shape, lazy, tmp_path):
    channels = np.stack([fields(30, shape), fields(30, shape, seed=1, lognormal=True)], axis=1)
    last = channels.ndim - 2
    channels[20] = np.roll(channels[3], 5, axis=last)
    channels[21] = np.flip(channels[4], axis=1)
    channels[22] = np.roll(np.flip(channels[5], axis=(1, 2)), 2, axis=1)
    channels[23] = channels[5]
    channels[24, 0] = channels[6, 0, ::-1]  # one channel alone is no copy
    X = channels
    if lazy:
        with h5py.File(tmp_path / "maps.h5", "w") as file:
            file["maps"] = channels
        X = open_maps(tmp_path / "maps.h5")
    report = audit(X, cv=FOLDS)
    [copies] = [f for f in report.findings if f.kind == "exact_copies"]
    assert copies.severity == "leak"
    assert copies.samples == (3, 4, 5, 20, 21, 22, 23)
    assert copies.details["clusters"] == [(3, 20), (4, 21), (5, 22, 23)]
    how = {pair[:2]: pair[2] for pair in copies.details["pairs"]}
    zeros = ", ".join("0" * (len(shape) - 1))
    assert how[3, 20] == f"shifted by ({zeros}, 5) cells"
    assert how[4, 21] == "mirrored along axis 0"
    assert how[5, 22].startswith("mirrored along axis 0 and 1, shifted by (2, 0")
    assert how[5, 23] == "unchanged"
    assert not report.passed
    np.testing.assert_array_equal(report.merged_groups_[[20, 21, 22, 23]], [3, 4, 5, 5])


def test_squares_are_transposed_and_lines_reversed():
    maps = fields(12, (9, 9))
    maps[8] = maps[2].T
    [copies] = audit(maps).findings
    assert copies.details["pairs"][0][:2] == (2, 8)
    assert "axes in the order (1, 0)" in copies.details["pairs"][0][2]
    lines = fields(12, (50,))
    lines[9] = np.roll(lines[1, ::-1], 7)
    [copies] = audit(lines).findings
    assert copies.details["pairs"] == [(1, 9, "mirrored along axis 0, shifted by (7,) cells")]


def test_copies_of_one_group_are_a_note():
    maps = fields(20, (16, 20))
    maps[1] = maps[0, ::-1]
    report = audit(maps, groups=np.arange(20) // 4)
    assert [f.severity for f in report.findings] == ["note"]
    assert report.passed
    [leak] = audit(maps, groups=np.arange(20)).findings
    assert leak.severity in ("leak", "warning")


@pytest.mark.parametrize("shape", [(24, 28), (9, 10, 11)])
def test_noisy_copies_are_found(shape):
    maps = fields(30, shape)
    noise = 0.1 * maps.std() * np.random.default_rng(2).normal(size=(3, *shape))
    maps[20] = 1.7 * maps[3] + noise[0]
    maps[21] = np.roll(maps[4], 3, axis=-1) + noise[1]
    maps[22] = np.flip(maps[5], 0) + noise[2]
    report = audit(maps, cv=FOLDS, dim=len(shape))
    assert found(report) == {"near_copies": (3, 4, 5, 20, 21, 22)}
    assert report.findings[0].details["clusters"] == [(3, 20), (4, 21), (5, 22)]
    how = {pair[:2]: pair[2] for pair in report.findings[0].details["pairs"]}
    assert "shifted by" in how[4, 21]
    assert how[5, 22].startswith("mirrored along axis 0, correlation")


def test_mirrored_noisy_copies_of_patches_are_found():
    maps = fields(30, (40, 44), slope=3)[:, :20, :22].copy()
    maps[20] = maps[3, ::-1] + 0.03 * maps.std() * np.random.default_rng(2).normal(size=(20, 22))
    assert found(audit(maps, cv=FOLDS)) == {"near_copies": (3, 20)}


@pytest.mark.parametrize("shape", [(24, 28), (9, 10, 11)])
def test_groups_of_one_seed_are_joined(shape):
    """Two simulations with equal phases and other spectra, four slabs each."""
    slopes = [2.0, 3.0]
    maps = fields(32, shape)
    maps[20:24] = fields(4, shape, slopes[0], seed=9)
    maps[4:8] = np.exp(fields(4, shape, slopes[1], seed=9))
    groups = np.arange(32) // 4 + 100
    report = audit(maps, groups=groups, dim=len(shape))
    assert found(report) == {"shared_phases": (4, 5, 6, 7, 20, 21, 22, 23)}
    [finding] = report.findings
    assert finding.details["groups"] == [(101, 105)]
    assert "(101, 105)" in str(report)
    merged = report.merged_groups_
    assert merged[4] == merged[20]
    assert len(np.unique(merged)) == 7
    assert audit(maps, groups=merged, dim=len(shape)).findings == []


def test_pattern_of_all_maps_joins_nothing():
    pattern = 3 * fields(1, (24, 28), slope=0, seed=5)
    maps = fields(20, (24, 28), slope=0) + pattern
    report = audit(maps)
    assert [(f.kind, f.severity) for f in report.findings] == [("common_pattern", "warning")]
    assert len(np.unique(report.merged_groups_)) == 20


@pytest.mark.parametrize("n", [3, 12])
def test_what_all_maps_have_in_common_is_no_leak(n):
    """A mask over patches, emission lines, bounds, the same channel of coordinates."""
    y, x = np.indices((32, 28))
    disc = (y - 16) ** 2 + (x - 14) ** 2 < 130
    for seed in range(2):
        rng = np.random.default_rng(seed)
        maps = fields(n, (64, 56), slope=3, seed=seed)[:, :32, :28]
        assert audit(maps * disc).findings == []
        channels = np.stack([maps, np.broadcast_to(x, maps.shape)], axis=1).astype("float32")
        assert audit(channels).findings == []
        if n > 5:
            wave = np.arange(200)
            lines = [np.exp(-0.5 * ((wave - at) / 4) ** 2) for at in (60, 140)]
            spectra = rng.uniform(0.5, 2, (n, 2)) @ lines + 0.02 * rng.normal(size=(n, 200))
            spectra += 0.01 * rng.normal(size=(n, 1)) * wave
            assert audit(spectra.astype("float32")).findings == []
        if n > 2:
            pattern = 5 * fields(1, (32, 28), seed=seed + 100)
            report = audit(fields(n, (32, 28), seed=seed) + pattern)
            assert [(f.kind, f.severity) for f in report.findings] == [
                ("common_pattern", "warning")
            ]


def test_leaks_are_found_behind_a_mask_and_a_weak_pattern():
    y, x = np.indices((32, 28))
    maps = fields(30, (64, 56), slope=1)[:, :32, :28].copy()
    maps[20] = 2 * maps[3] + 0.05 * maps.std() * np.random.default_rng(2).normal(size=(32, 28))
    maps *= (y - 16) ** 2 + (x - 14) ** 2 < 130
    assert found(audit(maps, train=np.arange(15))) == {"near_copies": (3, 20)}
    maps = fields(30, (24, 28), slope=0) + 0.5 * fields(1, (24, 28), slope=0, seed=5)
    maps[20] = maps[3] + 0.2 * fields(1, (24, 28), slope=0, seed=6)[0]
    assert found(audit(maps)) == {"near_copies": (3, 20)}


def test_small_tables_of_few_values_are_equal_by_chance():
    rng = np.random.default_rng(0)
    table = rng.integers(2, size=(40, 12)).astype(float)
    table[7] = table[2]
    report = audit(table)
    assert report.passed
    assert "equal_values" in found(report)
    wide = rng.integers(2, size=(40, 60)).astype(float)
    wide[7] = wide[2]
    assert found(audit(wide))["exact_copies"] == (2, 7)


def test_empty_maps_are_a_note():
    maps = fields(20, (16, 20))
    maps[[4, 9]] = 0
    maps[11] = 0
    maps[11, 2, 3] = 1
    report = audit(maps)
    assert report.passed
    assert found(report) == {"plain_maps": (4, 9, 11)}
    assert report.findings[0].details["constant"] == (4, 9)


def test_shuffled_cells_are_no_copy():
    maps = fields(20, (16, 20))
    maps[7] = np.random.default_rng(0).permutation(maps[2].ravel()).reshape(16, 20)
    report = audit(maps)
    assert found(report) == {"equal_values": (2, 7)}
    assert report.passed


def test_some_of_many_maps_are_compared():
    maps = fields(20, (16, 20))
    maps[7] = maps[2]
    report = audit(maps, max_maps=5)
    assert found(report)["exact_copies"] == (2, 7)
    assert "15 maps" in report.findings[-1].message


def test_groups_on_both_sides():
    maps, groups = fields(12, (16, 20)), np.repeat(list("abcd"), 3)
    folds = [(np.array([0, 1, 3, 4, 5]), np.array([2, 6, 7])), (np.arange(6), np.arange(6, 12))]
    [finding] = audit(maps, groups=groups, cv=folds).findings
    assert finding.kind == "groups_on_both_sides"
    assert finding.samples == (2,)
    [fold] = finding.details["folds"]
    assert fold == {"fold": 0, "groups": ["a"], "n_known": 1, "n_test": 3, "n_train": 2}
    assert audit(maps, groups=groups, cv=GroupKFold(4)).findings == []


def test_targets_that_betray_the_group():
    maps, groups = fields(60, (16, 20)), np.arange(60) // 6
    y = np.random.default_rng(0).uniform(size=(10, 2))[groups]
    report = audit(maps, y, groups=groups, cv=KFold(5, shuffle=True, random_state=0))
    assert {f.kind for f in report.findings} == {"groups_on_both_sides", "constant_groups"}
    assert audit(maps, y, groups=groups).findings == []
    [finding] = audit(maps, y).findings
    assert (finding.kind, finding.severity) == ("repeated_targets", "warning")
    assert "samples 0..5; 6..11; 12..17" in finding.message
    np.testing.assert_array_equal(audit(maps, y).merged_groups_, groups)
    [finding] = audit(maps, y, cv=KFold(4)).findings
    assert finding.severity == "leak"
    for harmless in (groups, groups / 4, np.arange(60) + 0.123456):
        assert audit(maps, harmless).findings == []


@pytest.mark.parametrize("lazy", [False, True])
def test_scaled_with_all_rows(lazy):
    maps = np.stack([fields(30, (7, 8)), 3 + 5 * fields(30, (7, 8), seed=1)], axis=1)
    axes = (0, 2, 3)
    mean, std = maps.mean(axis=axes, keepdims=True), maps.std(axis=axes, keepdims=True)
    low, high = maps.min(axis=axes, keepdims=True), maps.max(axis=axes, keepdims=True)
    train = slice(0, 20)
    own = maps[train].mean(axis=axes, keepdims=True), maps[train].std(axis=axes, keepdims=True)
    each = maps.mean(axis=(2, 3), keepdims=True), maps.std(axis=(2, 3), keepdims=True)
    opened = open_maps if lazy else np.asarray
    for scaled in (
        (maps - mean) / std,
        (maps - maps.mean(axis=0)) / maps.std(axis=0),
        (maps - low) / (high - low),
    ):
        [finding] = audit(opened(scaled)).findings
        assert (finding.kind, finding.severity) == ("scaled_with_all_rows", "leak")
    for harmless in ((maps - own[0]) / own[1], (maps - each[0]) / each[1], maps):
        assert audit(opened(harmless), train=np.arange(20)).findings == []
    y = np.random.default_rng(0).normal(size=30)
    for scaled in ((y - y.mean()) / y.std(), (y - y.min()) / np.ptp(y)):
        [finding] = audit(maps, scaled).findings
        assert (finding.kind, finding.severity) == ("scaled_with_all_rows", "warning")


def test_bounded_quantities_are_not_scaled():
    maps = np.clip(0.5 + 0.15 * fields(30, (7, 8)), 0.001, 0.999)
    maps[0, 0], maps[0, 1] = 0, 1
    assert audit(maps, np.linspace(0, 1, 30)).findings == []
    maps[0, 1, 1:] = 0.9
    [finding] = audit(maps).findings
    assert finding.kind == "scaled_with_all_rows"


def test_fitted_on_all_rows():
    maps, train = fields(30, (7, 8)), np.arange(20)
    right, wrong = FieldScaler().fit(maps[train]), FieldScaler().fit(maps)
    chain = make_pipeline(FieldScaler().fit(maps), right)
    assert audit(maps, train=train, pipeline=right).findings == []
    [finding] = audit(maps, train=train, pipeline=[right, wrong]).findings
    assert finding.kind == "fitted_on_all_rows"
    assert finding.samples == tuple(range(20, 30))
    [finding] = audit(open_maps(maps), cv=[(train, np.arange(20, 30))], pipeline=chain).findings
    assert finding.details["step"] == "fieldscaler-1"
    assert audit(maps, cv=3, pipeline=FieldScaler().fit(maps[10:])).findings == []
    with pytest.raises(ValueError, match="Give train=rows, or cv"):
        audit(maps, pipeline=wrong)
    with pytest.raises(ValueError, match="takes what is fitted"):
        audit(maps, train=train, pipeline=FieldScaler())


def test_cost_without_leaks_is_of_the_same_folds():
    maps, y = fields(40, (5, 6)), np.random.default_rng(0).normal(size=40)
    flat = make_pipeline(FunctionTransformer(lambda maps: maps.reshape(len(maps), -1)), Ridge())
    report = audit(maps, y, groups=[f"run {i // 4}" for i in range(40)], estimator=flat)
    np.testing.assert_array_equal(report.cost_.with_leak, report.cost_.without_leak)
    maps[35] = maps[2]
    cost = audit(maps, y, train=np.arange(30), estimator=flat).cost_
    assert (len(cost.with_leak), len(cost.without_leak)) == (1, 4)


@pytest.mark.parametrize("lazy", [False, True])
def test_cost_of_copies(lazy):
    """Targets are noise: what is known of them is known from copies."""
    maps = fields(60, (8, 9), slope=0)
    maps[30:] = maps[:30, ::-1]
    y = np.random.default_rng(0).uniform(size=30)
    y = np.concatenate([y, y])
    ordered = FunctionTransformer(lambda maps: np.sort(maps.reshape(len(maps), -1))[:, :50])
    report = audit(
        open_maps(maps) if lazy else maps,
        y,
        cv=KFold(4, shuffle=True, random_state=0),
        estimator=make_pipeline(ordered, KNeighborsRegressor(1)),
    )
    cost = report.cost_
    assert cost.with_leak.shape == cost.without_leak.shape == (4,)
    assert cost.with_leak.mean() > cost.without_leak.mean() + 0.3
    assert cost.dummy_with_leak.mean() < 0.01
    assert "r2 by merged groups" in str(report)


def test_report_is_readable():
    maps = fields(20, (16, 20))
    maps[7] = maps[2]
    maps[9] = 0
    report = audit(maps)
    assert isinstance(report, AuditReport)
    assert all(isinstance(finding, Finding) for finding in report.findings)
    assert repr(report) == "AuditReport(1 leak, 0 warnings, 1 note, 20 samples, 0 folds)"
    assert "7 is 2 unchanged" in str(report)
    table = report.table()
    assert table["kind"].tolist() == ["exact_copies", "plain_maps"]
    assert table["n_samples"].tolist() == [2, 1]


def test_errors_name_what_is_wrong():
    maps = fields(20, (16, 20))
    with pytest.raises(ValueError, match="inconsistent numbers"):
        audit(maps, np.zeros(19))
    with pytest.raises(ValueError, match="'max_maps' parameter of audit"):
        audit(maps, max_maps=1)
    with pytest.raises(ValueError, match="either 'cv' or 'train'"):
        audit(maps, cv=3, train=[0, 1])
    with pytest.raises(ValueError, match="'train' parameter of audit must be rows from 0 to 19"):
        audit(maps, train=[20])
    for train in (np.ones(15, dtype=bool), np.arange(20), [[1, 2]]):
        with pytest.raises(ValueError, match="a mask of 20 rows, and leave some for the test"):
            audit(maps, train=train)
    with pytest.raises(ValueError, match="needs samples"):
        audit(maps[:0])
    with pytest.raises(ValueError, match="needs y"):
        audit(maps, estimator=Ridge())
    with pytest.raises(ValueError, match="are in one"):
        audit(maps, groups=np.zeros(20)).cost(Ridge(), maps, np.zeros(20))
    maps[3, 2, 1] = np.nan
    with pytest.raises(ValueError, match="contains NaN, first at sample 3"):
        audit(maps)
