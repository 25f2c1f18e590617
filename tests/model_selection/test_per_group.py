"""The split within groups: its parts, its errors, and that it leaks."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skastro.exceptions import LeakageWarning
from skastro.maps import open_maps
from skastro.model_selection import PerGroupSplit

GROUPS = np.arange(45) // 15
MAPS = np.zeros((45, 2, 3))
leaky = pytest.mark.filterwarnings("ignore::skastro.exceptions.LeakageWarning")


def flatten(maps):
    """Maps as rows."""
    return np.asarray(maps).reshape(len(maps), -1)


@leaky
def test_nine_three_three():
    """The order of each group's maps decides, wherever they stand."""
    order = np.random.default_rng(0).permutation(45)
    for groups in (GROUPS, GROUPS[order], np.array(list("cab"))[GROUPS[order]]):
        [(train, valid, test)] = PerGroupSplit().split_with_validation(MAPS, groups=groups)
        for name in np.unique(groups):
            rows = np.flatnonzero(groups == name)
            np.testing.assert_array_equal(train[groups[train] == name], rows[:9])
            np.testing.assert_array_equal(valid[groups[valid] == name], rows[9:12])
            np.testing.assert_array_equal(test[groups[test] == name], rows[12:])
        for part in (train, valid, test):
            np.testing.assert_array_equal(part, np.sort(part))
        [(split_train, split_test)] = PerGroupSplit().split(MAPS, None, groups)
        np.testing.assert_array_equal(split_train, train)
        np.testing.assert_array_equal(split_test, test)


@leaky
@pytest.mark.parametrize("counts", [(1, 0, 1), (9, 3, 3), (4, 2, 1), (14, 0, 1)])
def test_random_parts(counts):
    """Parts have the numbers that were asked for and share nothing; what is left is in none."""
    splitter = PerGroupSplit(*counts, n_splits=20, shuffle=True, random_state=0)
    splits = list(splitter.split_with_validation(MAPS, groups=GROUPS))
    assert len(splits) == splitter.get_n_splits(MAPS, None, GROUPS) == 20
    in_train = np.zeros(45)
    for parts in splits:
        for part, count in zip(parts, counts, strict=True):
            assert part.dtype.kind == "i"
            np.testing.assert_array_equal(np.bincount(GROUPS[part], minlength=3), [count] * 3)
        assert len(np.unique(np.concatenate(parts))) == 3 * sum(counts)
        in_train[parts[0]] += 1
    assert (in_train > 0).all() or counts[0] == 1
    assert len({tuple(train) for train, *_ in splits}) > 10


@leaky
def test_random_state():
    """An int gives equal splits, also with validation; None gives others and moves no state."""
    splitter = PerGroupSplit(n_splits=3, shuffle=True, random_state=5)
    once, twice = (list(splitter.split(MAPS, groups=GROUPS)) for _ in range(2))
    np.testing.assert_equal(once, twice)
    thirds = splitter.split_with_validation(MAPS, groups=GROUPS)
    np.testing.assert_equal([(train, test) for train, _, test in thirds], once)
    before = np.random.mtrand._rand.get_state()
    free = PerGroupSplit(n_splits=3, shuffle=True)
    one, other = (list(free.split(MAPS, groups=GROUPS)) for _ in range(2))
    assert any((a[0] != b[0]).any() for a, b in zip(one, other, strict=True))
    np.testing.assert_equal(np.random.mtrand._rand.get_state(), before)
    drawn = PerGroupSplit(shuffle=True, random_state=np.random.RandomState(5))
    [first], [second] = (list(drawn.split(MAPS, groups=GROUPS)) for _ in range(2))
    np.testing.assert_equal(first, once[0])
    assert (first[0] != second[0]).any()


def test_it_warns():
    """Whoever splits so is told, at the call and in their own file, what to do instead."""
    for method in (PerGroupSplit().split, PerGroupSplit().split_with_validation):
        with pytest.warns(LeakageWarning, match=r"3 groups.*GroupKFold or GroupShuffleSplit") as w:
            method(MAPS, groups=GROUPS)
        assert [warning.filename for warning in w] == [__file__]
    assert issubclass(LeakageWarning, UserWarning)


def test_nothing_else_warns():
    """Making, showing, copying and counting are silent."""
    splitter = PerGroupSplit(5, 0, n_splits=2, shuffle=True, random_state=1)
    text = (
        "PerGroupSplit(n_splits=2, n_test=3, n_train=5, n_validation=0, random_state=1, "
        "shuffle=True)"
    )
    assert " ".join(repr(splitter).split()) == text
    copy = clone(splitter, safe=False)
    assert vars(copy) == vars(splitter)
    assert copy is not splitter
    assert copy.get_n_splits() == 2


@leaky
def test_missing_groups():
    """Groups are needed."""
    for method in (PerGroupSplit().split, PerGroupSplit().split_with_validation):
        with pytest.raises(ValueError, match=r"needs 'groups'.*split\(X, y, groups=data.groups\)"):
            method(MAPS)


@leaky
@pytest.mark.parametrize(
    "groups",
    [
        GROUPS[:, None],
        np.c_[GROUPS, GROUPS],
        np.array([*"ab", 1] * 15, dtype=object),
        np.array([*"ab", None] * 15, dtype=object),
    ],
)
def test_kinds_of_groups(groups):
    """Groups are numbers or strings on one axis."""
    for method in (PerGroupSplit().split, PerGroupSplit().split_with_validation):
        with pytest.raises(
            ValueError, match=r"'groups' of PerGroupSplit\.split.* must be one number"
        ):
            method(MAPS, groups=groups)


@leaky
def test_no_samples():
    """Of no samples there is no split."""
    for groups in ([], np.array([], dtype=int)):
        with pytest.raises(ValueError, match=r"PerGroupSplit\.split needs samples; got none"):
            PerGroupSplit().split(MAPS[:0], groups=groups)


@leaky
def test_small_group():
    """The group and its number are named, that of the smallest group."""
    groups = np.array(["many"] * 30 + ["few"] * 8 + ["more"] * 7)
    with pytest.raises(ValueError, match=r"needs 9 samples of each group, and group 'more' has 7"):
        PerGroupSplit(5, 2, 2).split(MAPS, groups=groups)
    with pytest.raises(ValueError, match="group 2 has 14"):
        PerGroupSplit().split(MAPS[:44], groups=GROUPS[:44])
    with pytest.raises(ValueError, match="group 'more' has 7"):
        PerGroupSplit(5, 2, 2).split(MAPS, groups=groups.astype(object))
    with pytest.raises(ValueError, match="inconsistent"):
        PerGroupSplit().split(MAPS[:30], groups=GROUPS)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_train": 0}, "'n_train' parameter of PerGroupSplit must be an int, 1 or more"),
        ({"n_test": 0}, "'n_test' parameter of PerGroupSplit must be an int, 1 or more"),
        ({"n_validation": -1}, "'n_validation' parameter .* 0 or more. Got -1"),
        ({"n_train": 0.6}, "'n_train' parameter .* Got 0.6"),
        ({"n_train": True}, "'n_train' parameter .* Got True"),
        ({"n_splits": True}, "'n_splits' parameter .* Got True"),
        ({"shuffle": "no"}, "'shuffle' parameter of PerGroupSplit must be True or False. Got 'no'"),
        ({"shuffle": None}, "'shuffle' parameter"),
        ({"shuffle": True, "random_state": "x"}, "'x' cannot be used to seed"),
        ({"random_state": "x"}, "'x' cannot be used to seed"),
        ({"n_splits": 0}, "'n_splits' parameter"),
        ({"n_splits": 2}, "Set shuffle=True, or n_splits=1"),
        ({"random_state": 0}, "Set shuffle=True, or leave random_state out"),
    ],
)
def test_parameters(params, message):
    """Numbers out of range, and parameters that would have no effect."""
    with pytest.raises(ValueError, match=message):
        PerGroupSplit(**params)


@pytest.fixture
def simulations():
    """Maps of 40 simulations that differ, each with a target that means nothing."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 15)
    maps = rng.normal(size=(40, 5, 6))[groups] + 0.1 * rng.normal(size=(600, 5, 6))
    return maps.astype("float32"), rng.normal(size=40)[groups], groups


@pytest.mark.parametrize("routing", [False, True])
def test_it_leaks(simulations, routing):
    """Who knows simulations by heart scores 1, and has learned nothing."""
    maps, y, groups = simulations
    by_heart = make_pipeline(FunctionTransformer(flatten), KNeighborsRegressor(1))
    arguments = {"params": {"groups": groups}} if routing else {"groups": groups}

    def score(cv):
        with config_context(enable_metadata_routing=routing):
            return cross_validate(by_heart, open_maps(maps), y, cv=cv, **arguments)["test_score"]

    with pytest.warns(LeakageWarning):
        assert score(PerGroupSplit(n_splits=2, shuffle=True, random_state=0)).min() > 0.99
    assert score(GroupKFold(5)).max() < 0.1


def test_in_a_search(simulations):
    """A search warns once and scores each split once."""
    maps, y, groups = simulations
    by_heart = make_pipeline(FunctionTransformer(flatten), KNeighborsRegressor())
    grid = {"kneighborsregressor__n_neighbors": [1, 2]}
    with pytest.warns(LeakageWarning) as caught:
        search = GridSearchCV(by_heart, grid, cv=PerGroupSplit()).fit(maps, y, groups=groups)
    assert len(caught) == 1
    assert search.n_splits_ == 1
    assert search.best_score_ > 0.99
