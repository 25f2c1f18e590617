"""Groups that estimators, splitters and scores accept."""

import numpy as np
import pytest

from skastro.utils import check_groups


@pytest.mark.parametrize("groups", [[3, 1, 1], ["a", "b", "a"], [0.5, 1.5, 0.5], [True, False]])
def test_kinds(groups):
    """Numbers and names stay what they are, also as objects."""
    for given in (groups, np.array(groups, dtype=object)):
        found = check_groups(given, "split")
        assert found.dtype.kind in "iUfb"
        assert found.tolist() == groups


@pytest.mark.parametrize(
    "groups",
    [[[1, 2]], 3, np.array(["a", 1], dtype=object), [1.0, np.nan], [1j, 2j]],
    ids=["two axes", "no axis", "mixed", "NaN", "complex"],
)
def test_refused(groups):
    """What cannot be told apart or sorted is refused by name."""
    with pytest.raises(ValueError, match=r"The 'groups' of split must be .*Number them"):
        check_groups(groups, "split")
