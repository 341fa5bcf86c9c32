"""The package as such: its public names, what it imports, what it says of itself."""

import importlib.metadata
import subprocess
import sys
import types

import gradproof


def test_public_names():
    assert sorted(gradproof.__all__) == gradproof.__all__
    public = {
        name
        for name, value in vars(gradproof).items()
        # Submodules that other tests have imported are no names of this one.
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert public == set(gradproof.__all__) - {"__version__"}


def test_version():
    assert importlib.metadata.version("gradproof") == gradproof.__version__


def test_import_loads_no_backend():
    """NumPy and nothing else, whatever is installed; the same for a check of NumPy arrays."""
    code = (
        "import sys, gradproof, numpy as np\n"
        "gradproof.check_grad(lambda x: (x * x).sum(), lambda x: 2 * x, np.ones(3))\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert {"gradproof", "numpy"} <= loaded
    others = {
        "torch",
        "jax",
        "jaxlib",
        "array_api_compat",
        "dask",
        "scipy",
        "rich",
        "optree",
        "matplotlib",
    }
    assert not others & loaded


def test_typed():
    from importlib.resources import files

    assert files("gradproof").joinpath("py.typed").is_file()


def test_modules_by_attribute():
    """`gradproof.testing` is there after `import gradproof`, and is not imported by it."""
    code = (
        "import sys, gradproof; assert 'gradproof.testing' not in sys.modules; "
        "gradproof.testing.assert_grad; gradproof.compat; "
        "assert not hasattr(gradproof, 'nothing'); print('ok')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "ok\n", done.stderr
