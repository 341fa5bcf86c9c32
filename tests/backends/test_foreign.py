"""No text of the user can pass for a line of a report, or tell the terminal what to do."""

import numpy as np
import pytest

from gradproof import verify_grad, verify_vjp
from gradproof._backends.foreign import escaped, first_line, of_error

X = np.linspace(0.5, 1.5, 4)
#: A colour, a cleared screen, a moved cursor, and marks that turn the direction of writing.
EVIL = "\x1b[32m\x1b[2J\r\u202e\u2028\x9b31m\x00"
FORGED = "wrong\npass: every entry agrees, and would have been seen to disagree\n"


def lines(report):
    """Return the lines of a report, none of which may be anything but visible characters."""
    found = str(report).split("\n")
    assert all(line.isprintable() for line in found)
    assert all(text.isprintable() for text in (report.reason, *report.remarks))
    return found


class Named:
    """A key of a dict whose name is what its owner wants."""

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return self.name

    def __lt__(self, other):
        return self.name < other.name


@pytest.mark.parametrize("text", [EVIL, FORGED, EVIL + FORGED, FORGED.strip() + EVIL])
class TestReports:
    def test_exception(self, text):
        def func(x):
            if x[0] > X[0]:
                raise ValueError(text)
            return (x**3).sum()

        report = verify_grad(func, lambda x: -3 * x**2, X, seed=0)
        assert [line for line in lines(report) if line.startswith("pass")] == []
        assert any("func raised away from x0" in remark for remark in report.remarks)

    def test_type_of_an_exception(self, text):
        kind = type("Kind" + text.replace("\x00", ""), (Exception,), {})

        def func(x):
            if x[0] > X[0]:
                raise kind
            return (x**3).sum()

        report = verify_grad(func, lambda x: -3 * x**2, X, seed=0)
        assert [line for line in lines(report) if line.startswith("pass")] == []

    @pytest.mark.parametrize("key", [str, Named])
    def test_leaf(self, text, key):
        name = key(text)
        report = verify_grad(
            lambda p: (p[name] ** 3).sum() + p["z"].sum() if key is str else (p[name] ** 3).sum(),
            lambda p: {k: np.append(3 * v[:-1] ** 2, 0.0) for k, v in p.items()},
            {name: X, "z": X} if key is str else {name: X},
            seed=0,
        )
        assert report.verdict == "fail"
        assert [line for line in lines(report) if line.startswith("pass")] == []
        assert all(entry["name"].isprintable() for entry in report.worst(4))

    def test_keyword(self, text):
        held = np.ones(4)

        def func(x, **kwargs):
            kwargs[text][:] = 2
            return (x**3).sum()

        report = verify_grad(func, lambda x, **_: 3 * x**2, X, kwargs={text: held}, seed=0)
        assert report.ok
        assert len([line for line in lines(report) if line.startswith("pass")]) == 1

    def test_check(self, text):
        calls = []

        def vjp(x, cotangent):
            calls.append(1)
            if not cotangent.flags.c_contiguous:
                raise ValueError(text)
            return 3 * x**2 * cotangent

        report = verify_vjp(lambda x: x**3, vjp, X, seed=0)
        assert report.verdict == "fail"
        assert [line for line in lines(report) if line.startswith("pass")] == []
        assert all(check.text.isprintable() for check in report.checks)

    @pytest.mark.library("torch")
    def test_torch(self, text):
        import torch

        from gradproof import verify_autodiff

        class Rule(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.x = x
                return x**3

            @staticmethod
            def backward(ctx, grad):
                if 0 in grad.stride():
                    raise RuntimeError(text)
                return 3 * ctx.x**2 * grad

            @staticmethod
            def jvp(ctx, tangent):
                raise NotImplementedError("no forward mode AD: " + text)

        report = verify_autodiff(Rule.apply, torch.tensor(X), modes=("vjp",), seed=0)
        assert report.verdict == "fail"
        assert [line for line in lines(report) if line.startswith("pass")] == []


class SilentError(Exception):
    """An exception that cannot be shown."""

    def __str__(self):
        raise RuntimeError


class TestText:
    def test_what_can_be_seen_stays(self):
        text = "größer: ['w'][3, 2] \u2264 1e-9 \\ 'x'"
        assert escaped(text) is text

    @pytest.mark.parametrize("character", [chr(c) for c in (*range(32), 127, *range(128, 160))])
    def test_control_characters(self, character):
        assert escaped(f"a{character}b").isprintable()
        assert escaped(f"a{character}b") != "ab"

    def test_first_line(self):
        assert first_line("\n  one \ntwo") == "one"
        assert first_line("") == ""
        assert first_line("x" * 300, 10) == "xxxxxxx..."
        assert len(first_line("\x00" * 300, 50)) == 50

    def test_exceptions(self):
        assert of_error(ValueError("one\ntwo")) == "ValueError: one"
        assert of_error(ValueError("\n\n")) == "ValueError:"
        assert of_error(SilentError()) == "SilentError: (its message cannot be shown)"
