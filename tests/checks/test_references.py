"""That right and wrong kernels of an operation can be counted, as the page on kernels has them."""

import pytest

pytestmark = pytest.mark.library("torch")


def test_counts():
    from tests.references.counted import Counted
    from tests.references.judged import OURS, judged
    from tests.references.sizes import MISTAKES, seen

    counted = Counted()
    counted.add(judged(("RMS norm", "bfloat16", 0)))
    (right, wrong) = (
        {what: n for (is_right, what), n in counted.rules[False, "bfloat16", OURS].items()
         if is_right is kind}
        for kind in (True, False)
    )  # fmt: skip
    assert right == {"pass": 6}
    assert wrong["fail"] > 30
    assert sum(wrong.values()) - wrong["fail"] <= 1
    assert not counted.beside[False, "bfloat16"]["fail"]
    table = counted.tables()
    assert "1 of 18 operations it was built with | bfloat16 |" in table
    assert "| `torch.testing.assert_close`, defaults |" in table
    assert seen(("SwiGLU", 10**3, "a row is zero"))[2] == {"all": 12, "seen": 12}
    assert len(MISTAKES) == 7
