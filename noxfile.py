"""
The checks of gradproof: `nox` alone runs all of them on the Python that runs nox.

``nox -s tests`` is the same suite on every Python that the project supports;
``nox -s "tests-3.12(jax)"`` is one cell of that matrix. What is installed comes from pyproject.
"""

import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.2"
nox.options.default_venv_backend = "virtualenv"

PYPROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PYPROJECT)
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"

# What a cell of the matrix is about: the libraries that must import, the dependency groups that
# bring them, and the settings of the environment.
BACKENDS: dict[str, tuple[str, list[str], dict[str, str]]] = {
    "numpy": ("numpy,matplotlib,jsonschema", ["plot"], {}),
    "dask": ("dask", ["dask"], {}),
    "array_api_strict": ("array_api_strict", [], {}),
    "torch": ("torch", ["torch"], {}),
    "jax": ("jax", ["jax"], {"JAX_ENABLE_X64": "0"}),
    "jax-x64": ("jax", ["jax"], {"JAX_ENABLE_X64": "1"}),
    "all": (
        "numpy,array_api_strict,dask,torch,jax",
        ["dask", "torch", "jax"],
        {"JAX_ENABLE_X64": "1"},
    ),
}

MIXED = tuple(
    f"tests/{name}.py"
    for name in (
        "doors/test_check_grad",
        "doors/test_cli",
        "doors/test_cli_kinds",
        "checks/test_errors",
        "backends/test_native",
        "house/test_package",
        "doors/test_random",
        "doors/test_cli_page",
        "watch/test_page",
    )
)

DASK = tuple(
    f"tests/{name}.py"
    for name in (
        "doors/test_check_grad",
        "backends/test_native",
        "doors/test_random",
        "evaluation/test_huge",
        "evaluation/test_workers",
    )
)

# What the engine makes of numbers depends on no version of Python or of a library: these tests are
# most of the time that the suite takes. They run once for each library, on one Python.
ENGINE = tuple(
    f"--ignore=tests/{name}"
    for name in (
        "fuzz",
        "lines",
        "numerics",
        "verdict",
        "diagnosis",
        "kernels",
        "checks/test_kinds.py",
        "doors/test_pages.py",
    )
)

# Slow tests of the same sort, marked one by one in files that ask for more than that.
NOT_ONCE = ("-m", "not once")
REST = (*ENGINE, *NOT_ONCE)

# A newcomer has one Python. On one that is newer than the list, its newest stands in: nox then
# says that the interpreter is missing rather than passing without a test.
WHOLE = HERE if HERE in PYTHONS else PYTHONS[-1]
nox.options.sessions = [
    f"tests-{WHOLE}",
    "minimums",
    "run_deps",
    "lint",
    "typecheck",
    "docs",
    # Triton has no wheels elsewhere.
    *(["kernels"] if sys.platform == "linux" else []),
]


# The suite in a process for each core.
PARALLEL = ("-n", "auto")


def install(session: nox.Session, *groups: str) -> None:
    """Install the package and dependency groups in one go, so that the versions agree."""
    session.install("-e", ".", *nox.project.dependency_groups(PYPROJECT, *groups))


def pytest(session: nox.Session, *args: str, backends: str, **env: str) -> None:
    """Run pytest about the libraries named, each process on one thread."""
    session.run(
        "pytest",
        *args,
        *session.posargs,
        env={"GRADPROOF_BACKENDS": backends, "OMP_NUM_THREADS": "1", **env},
    )


@nox.session(python=PYTHONS)
@nox.parametrize("backend", [nox.param(name, id=name) for name in BACKENDS])
def tests(session: nox.Session, backend: str) -> None:
    """Run the suite about one library, or all of them together."""
    backends, groups, env = BACKENDS[backend]
    install(session, "test", *groups)
    # Together, what may depend on it that there are several: the rest has run for each of them.
    # Dask's arrays take the road of the standard, slowly: what they are handed and hand back.
    # JAX's other session has every dtype: what is marked `once` need not run in both.
    whole = NOT_ONCE if backend == "jax" else ()
    part = {"all": MIXED, "dask": DASK}.get(backend, whole if session.python == WHOLE else REST)
    chosen = () if session.posargs else part
    pytest(session, *PARALLEL, *chosen, backends=backends, **env)


@nox.session
def minimums(session: nox.Session) -> None:
    """Run the suite with the lowest versions that pyproject allows."""
    project = PYPROJECT["project"]
    wanted = [
        *project["dependencies"],
        *project["optional-dependencies"]["jax"],
        *nox.project.dependency_groups(PYPROJECT, "test"),
    ]
    # Only what the library itself stands on is lowered; the tools of the tests stay current.
    lowered = ("numpy", "array-api-compat", "jax", "optree", "scipy", "click", "rich")
    lowest = [need.replace(">=", "==") if need.startswith(lowered) else need for need in wanted]
    session.install("-e", ".", *lowest)
    pytest(session, *PARALLEL, *REST, backends="numpy,array_api_strict,jax")


@nox.session
def kernels(session: nox.Session) -> None:
    """Run kernels in Triton on the CPU, which its interpreter does; for Linux alone."""
    install(session, "test", "torch", "triton")
    chosen = () if session.posargs else ("tests/kernels",)
    pytest(session, *PARALLEL, *chosen, backends="torch,triton", TRITON_INTERPRET="1")


@nox.session
def newest(session: nox.Session) -> None:
    """Run the suite with the newest PyTorch and JAX, whatever is pinned; not of the default set."""
    # Of PyTorch, the index has a build with several GB of CUDA: not for every run.
    test = nox.project.dependency_groups(PYPROJECT, "test")
    session.install("--upgrade", "-e", ".[jax,torch]", *test)
    session.run("python", "-c", "import jax, torch; print(jax.__version__, torch.__version__)")
    for backend in ("torch", "jax", "jax-x64"):
        backends, _, env = BACKENDS[backend]
        pytest(session, *PARALLEL, backends=backends, **env)


@nox.session
def run_deps(session: nox.Session) -> None:
    """Run the suite with nothing but the run-time dependencies and test tools: NumPy alone."""
    test = nox.project.dependency_groups(PYPROJECT, "test")
    session.install(
        "-e", ".", *(need for need in test if need.startswith(("pytest", "hypothesis")))
    )
    pytest(session, *PARALLEL, *REST, "--ignore=tests/doors/test_scipy.py", backends="numpy")
    session.run("python", "-m", "gradproof", "demo")


@nox.session
def lint(session: nox.Session) -> None:
    """Run ruff, numpydoc on the public names, and the contracts on which room imports which."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "lint"))
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("lint-imports", env={"PYTHONPATH": "src"})
    session.run("numpydoc", "lint", *(str(path) for path in Path("src").rglob("*.py")))


@nox.session
def typecheck(session: nox.Session) -> None:
    """Run mypy, strict, over the package, the tests and this file."""
    install(session, "typecheck", "test", "nox")
    session.run("mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """Run every example of the docstrings, of README and of the docs, and build the site."""
    install(session, "docs", "torch", "jax")  # every example, so that of every backend too
    pytest(session, *PARALLEL, "--doctest-modules", "src", backends="numpy")
    # The tests of a project in the examples are run by tests/watch/test_page.py.
    pages = ("--doctest-glob=*.md", "--ignore=docs/examples", "README.md", "docs")
    pytest(session, *PARALLEL, *pages, backends="numpy")
    for example in sorted(Path("docs/examples").glob("*.py")):
        session.run("python", str(example))
    # The site itself, with the figures and the notebooks that it makes; see it in build/site.
    session.run("sphinx-build", "--quiet", "--keep-going", "-W", "docs", "build/site")
    pytest(
        session,
        "tests/house/test_site.py",
        "tests/report/test_notebook.py",
        backends="sphinx,nbclient",
    )


@nox.session(venv_backend="none")
def gpu(session: nox.Session) -> None:
    """Run the tests that need an NVIDIA GPU, with what is installed: not of the default set."""
    chosen = session.posargs or ["tests/evaluation/test_gpu.py", "tests/kernels/test_triton.py"]
    env = {"GRADPROOF_BACKENDS": "torch,jax,triton", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    session.run("python", "-m", "pytest", "-m", "gpu", *chosen, env=env)


@nox.session
def calibration(session: nox.Session) -> None:
    """Count right and wrong verdicts over families of functions; not part of the default set."""
    install(session, "calibration", "torch", "jax")
    # Without arguments, what the page in the docs shows.
    chosen = session.posargs or ["--seeds", "3", "--peers", "--write"]
    session.run(
        "python", "-m", "tests.calibration.calibrate", *chosen, env={"OMP_NUM_THREADS": "1"}
    )


@nox.session
def references(session: nox.Session) -> None:
    """Count right and wrong verdicts on kernels beside references; not of the default set."""
    install(session, "torch")
    # Without arguments, what the page in the docs shows.
    chosen = session.posargs or ["--write"]
    session.run("python", "-m", "tests.references", *chosen, env={"OMP_NUM_THREADS": "1"})


@nox.session
def mistakes(session: nox.Session) -> None:
    """Count how often the mistake of a wrong claim is named rightly; not of the default set."""
    install(session, "torch", "jax")
    # Without arguments, what the page in the docs shows.
    chosen = session.posargs or ["--first", "10", "--held-out", "--write"]
    session.run("python", "-m", "tests.mistakes", *chosen, env={"OMP_NUM_THREADS": "1"})


@nox.session
def fuzz(session: nox.Session) -> None:
    """Check thousands of random functions and claims; not part of the default set."""
    install(session, "test", "torch", "jax")
    chosen = session.posargs or ["--seed", "0", "--examples", "500"]
    session.run("python", "-m", "tests.fuzz", *chosen, env={"OMP_NUM_THREADS": "1"})


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Time the checks beside bare loops and the peers; not part of the default set."""
    install(session, "benchmark", "torch", "jax")
    # Without arguments, what the page in the docs shows.
    chosen = session.posargs or ["--write"]
    session.run("python", "-m", "tests.benchmarks", *chosen, env={"OMP_NUM_THREADS": "1"})
