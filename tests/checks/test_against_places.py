"""Where a report on a kernel says that it is off."""

import numpy as np
import pytest

from gradproof import Verdict
from gradproof._reference.places import located
from gradproof._report.verdicts import Check


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ((slice(4, 6), slice(None)), "in [4...5, :], off"),
        ((slice(None), 3), "in [:, 3], off"),
        ((2, 3), "in [2, 3], off"),
        ((slice(None), slice(1, 8)), "off"),
        ((slice(0, 0),), "off"),
    ],
    ids=["tail of rows", "column", "entry", "most of it", "none"],
)
def test_the_box_of_what_is_off_is_named_where_it_is_small(where, text):
    state = np.full((6, 8), "pass", dtype="<U11")
    state[where] = "fail"
    first = np.full(5, "fail", dtype="<U11")
    checks = [Check(name, Verdict.FAIL, "off") for name in ("value", "vjp by x")]
    found = located(checks, np.concatenate([first, state.ravel()]), [(5,), (6, 8)])
    assert [check.text for check in found] == ["off", text]
