"""A real notebook, run by nbclient: what a report and a plot are there."""

import pytest

pytestmark = [
    pytest.mark.library("nbclient"),
    pytest.mark.filterwarnings("ignore"),  # of the libraries that run the kernel
]

CELLS = [
    "import numpy as np\n"
    "from gradproof import plot_steps, verify_grad\n"
    "func, grad = lambda x: (x**3).sum(), lambda x: 3 * x**2\n"
    "wrong = lambda x: grad(x) * np.array([1, 1, 1.01, 1])\n"
    "x0 = np.linspace(0.5, 1.5, 4)",
    "verify_grad(func, grad, x0, seed=0)",
    "verify_grad(func, wrong, x0, seed=0)",
    "verify_grad(func, wrong, x0, seed=0).plot_entries();",
    "plot_steps(func, grad, x0, seed=0);",
    "verify_grad(func, wrong, x0, seed=0).show()",
]


@pytest.fixture(scope="module")
def outputs():
    """What each cell has put out: one kernel for all tests, since it takes seconds to start."""
    import nbclient
    import nbformat

    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    return [cell["outputs"] for cell in notebook["cells"]]


@pytest.mark.parametrize(("cell", "verdict"), [(1, "pass"), (2, "fail")])
def test_a_report_is_a_block(cell, verdict, outputs):
    (shown,) = outputs[cell]
    assert shown["output_type"] == "execute_result"
    page, text = shown["data"]["text/html"], shown["data"]["text/plain"]
    assert f'class="verdict {verdict}"' in page
    assert "<script" not in page
    # Where there is no HTML: a terminal, a diff of notebooks; the page of a code host.
    assert text.startswith(f"{verdict}: ")
    assert f"**{verdict}**" in shown["data"]["text/markdown"]


@pytest.mark.parametrize("cell", [3, 4])
def test_a_plot_is_a_picture(cell, outputs):
    (shown,) = outputs[cell]
    assert len(shown["data"]["image/png"]) > 1000


def test_show_is_one_block(outputs):
    (shown,) = outputs[5]
    text = shown.get("text", "") or shown["data"]["text/plain"]
    assert "fail" in text
    assert "[2]" in text
