"""One number as x0, and as func's result: by its argument's name, without an index."""

import numpy as np
import pytest

from gradproof import verify_against, verify_grad, verify_hess, verify_jac, verify_vjp

NUMBERS = [0.7, 3, np.float32(0.7), np.array(0.7)]


def table(report):
    """Return the first words of the lines of a report's table."""
    return [line.split()[0] for line in str(report).splitlines() if line.startswith("  ")]


@pytest.mark.parametrize("x0", NUMBERS, ids=repr)
class TestX0:
    def test_gradient(self, x0):
        """In the table, in programs, and of what is one number, as in JSON."""
        report = verify_grad(lambda beta: np.sin(beta), lambda beta: 2 * np.cos(beta), x0, seed=0)
        assert report.verdict == "fail"
        assert "beta" in table(report)
        assert "beta[0]" not in str(report)
        assert "checked: beta ()" in str(report)
        (wrong,) = report.wrong_entries
        assert (wrong.path, wrong.index) == ("beta", ())
        assert report.worst(1)[0]["name"] == "beta"
        assert report.entries["claimed"].shape == ()
        found = report.to_dict()
        assert found["wrong_entries"][0]["path"] == "beta"
        assert isinstance(found["entries"]["measured"], float)
        assert "beta[0]" not in report.to_html()
        assert "beta[0]" not in report.to_markdown()

    def test_right(self, x0):
        assert verify_grad(np.sin, np.cos, x0, seed=0).ok
        assert verify_hess(np.sin, lambda x: -np.sin(x), x0, grad=np.cos, seed=0).ok

    def test_as_before(self, x0):
        """Of a NumPy number func still sees an array of one entry; claims of either shape fit."""
        seen = set()

        def func(x):
            seen.add(np.shape(x))
            return np.sin(x) * np.array([1.0, 2.0])

        claims = (
            lambda x: np.cos(x) * np.array([1.0, 2.0]),
            lambda x: np.cos(x) * np.array([[1.0], [2.0]]),
        )
        for claim in claims:
            assert verify_jac(func, claim, x0, seed=0).ok
        assert seen == {(1,)}
        vjp = verify_vjp(func, lambda x, ct: np.cos(x) * (ct[0] + 2 * ct[1]), x0, seed=0)
        assert vjp.ok
        with pytest.raises(ValueError, match=r"for an x0 of shape \(\)"):
            verify_grad(np.sin, lambda _: np.ones(2), x0, seed=0)

    def test_jacobian(self, x0):
        """A value of func by the only number there is."""
        report = verify_jac(
            lambda x: np.sin(x) * np.ones(3),
            lambda x: np.cos(x) * np.array([1, 1, 1.3]),
            x0,
            seed=0,
        )
        assert [one.path for one in report.wrong_entries] == ["[2]"]
        assert "(all by" not in str(report)

    def test_remark(self, x0):
        report = verify_grad(
            lambda rate: np.abs(rate - x0), lambda rate: 0.5 + 0 * rate, x0, seed=0
        )
        assert any(remark.startswith("rate: func has a kink") for remark in report.remarks)


def test_one_entry():
    """An array of one entry has an index."""
    report = verify_grad(lambda x: np.sin(x), lambda x: 2 * np.cos(x), np.array([0.7]), seed=0)
    assert report.wrong_entries[0].path == "x[0]"


def test_pytrees():
    """Beside others, in a pytree, as several arguments, and of a result in a pytree."""

    def func(p):
        return np.sin(p["a"]) + p["b"].sum()

    def grad(p):
        return {"a": 2 * np.cos(p["a"]), "b": np.ones(2)}

    report = verify_grad(func, grad, {"a": np.array(0.7), "b": np.ones(2)}, seed=0)
    assert [one.path for one in report.wrong_entries] == ["p['a']"]
    report = verify_grad(
        lambda a, b: np.sin(a) + np.cos(b),
        lambda a, b: (2 * np.cos(a), -np.sin(b)),
        0.7,
        0.3,
        argnums=(0, 1),
        seed=0,
    )
    assert [one.path for one in report.wrong_entries] == ["a"]
    report = verify_jac(
        lambda x: {"a": x.sum() ** 2, "b": x.sum() * 2},
        lambda x: {"a": 2 * x, "b": 2.2},
        0.7,
        seed=0,
    )
    assert [one.path for one in report.wrong_entries] == ["['b']"]


def test_complex():
    report = verify_grad(lambda z: np.abs(z) ** 2, lambda z: 3 * z, np.array(0.7 + 0.3j), seed=0)
    assert [one.path for one in report.wrong_entries] == ["z.real", "z.imag"]
    off = verify_jac(lambda z: z**2, lambda z: 2 * z + 1e-2j, np.array(0.7 + 1j), seed=0)
    assert {one.path for one in off.wrong_entries} <= {
        f"func.{one} by x0.{other}" for one in ("real", "imag") for other in ("real", "imag")
    }
    assert off.wrong_entries


@pytest.mark.parametrize("x0", [0.7, np.float32(0.7), np.array(0.7)], ids=repr)
def test_reference(x0):
    report = verify_against(lambda x: np.sin(x), lambda x: 2 * np.sin(x), x0, order=0, seed=0)
    assert report.verdict == "fail"
    assert "[]" not in str(report)
    assert "checked: x ()" in str(report)
    assert verify_against(np.sin, np.sin, x0, order=0, seed=0).ok
