"""What was found by people who tried to break the watch."""

import importlib
import sys
import textwrap

import pytest

from gradproof._watch.sources import fingerprint

MODULES = {
    "helpers": """
        SCALE = 2.0

        def slope(x):
            return 2 * x

        class Slopes:
            @staticmethod
            def slope(x):
                return 2 * x
        """,
    "rule": """
        import functools
        import numpy as np
        import helpers
        from helpers import SCALE, Slopes

        TABLE = {"slope": [2.0]}
        ARRAY = np.array([2.0])

        def times(f):
            @functools.wraps(f)
            def wrapped(x):
                return f(x) * 1.0
            return wrapped

        class Object:
            def __init__(self, factor):
                self.factor = factor

        OBJECT = Object(2.0)

        def maker(factor):
            def by_closure(x):
                return factor * x
            return by_closure

        def by_module(x):
            return helpers.slope(x)

        def by_constant(x):
            return SCALE * x

        def by_class(x):
            return Slopes.slope(x)

        def by_table(x):
            return TABLE["slope"][0] * x

        def by_array(x):
            return ARRAY * x

        def by_object(x):
            return OBJECT.factor * x

        def by_default(x, factor=2.0):
            return factor * x

        @times
        def by_wrapper(x):
            return 2 * x

        by_partial = functools.partial(by_default, factor=2.0)
        by_closure = maker(2.0)
        """,
}
CHANGES = {
    "by_module": ("helpers", "    return 2 * x", "    return 3 * x"),
    "by_constant": ("helpers", "SCALE = 2.0", "SCALE = 3.0"),
    "by_class": ("helpers", "        return 2 * x", "        return 3 * x"),
    "by_table": ("rule", "[2.0]}", "[3.0]}"),
    "by_array": ("rule", "array([2.0])", "array([3.0])"),
    "by_object": ("rule", "Object(2.0)", "Object(3.0)"),
    "by_default": ("rule", "(x, factor=2.0)", "(x, factor=3.0)"),
    "by_wrapper": ("rule", "f(x) * 1.0", "f(x) * 1.5"),
    "by_partial": ("rule", "by_default, factor=2.0", "by_default, factor=3.0"),
    "by_closure": ("rule", "maker(2.0)", "maker(3.0)"),
}


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Return what writes the modules, and gives the fingerprint of each function in them."""
    monkeypatch.syspath_prepend(tmp_path)

    def prints(sources):
        for name, source in sources.items():
            (tmp_path / f"{name}.py").write_text(textwrap.dedent(source))
            sys.modules.pop(name, None)
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        importlib.invalidate_caches()
        module = importlib.import_module("rule")
        return {name: fingerprint([getattr(module, name)], str(tmp_path)) for name in CHANGES}

    yield prints
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.mark.once
@pytest.mark.parametrize("name", CHANGES)
def test_source(written, name):
    """What a rule uses of the project belongs to it: what earlier runs have found is void then."""
    module, old, new = CHANGES[name]
    before = written(MODULES)
    assert written(MODULES) == before
    changed = {**MODULES, module: MODULES[module].replace(old, new)}
    assert changed != MODULES
    assert written(changed)[name] != before[name]
