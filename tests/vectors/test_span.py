"""Lines through x0: from what happened to the entries of x0 to how far it was along each line."""

import numpy as np
import pytest

from gradproof._vectors.span import _inverse


@pytest.mark.parametrize("kind", ["entries", "one line", "lines", "nothing"])
def test_pseudoinverse(kind, monkeypatch):
    rng = np.random.default_rng(0)
    rows = {
        "entries": np.diag([0.5, -0.75, 0.0, 0.9])[[2, 0, 1, 3]],
        "one line": rng.normal(size=(1, 5)),
        "lines": rng.normal(size=(2, 5)),
        "nothing": np.zeros((0, 3)),
    }[kind]
    expected = np.linalg.pinv(rows)
    if kind == "entries":  # some hundreds of which take a tenth of a second by a decomposition
        monkeypatch.delattr(np.linalg, "pinv")
    found = _inverse(rows)
    np.testing.assert_allclose(found, expected, atol=1e-15)
