"""The sample project: its rules, right and wrong, as modules of their own."""

import functools
import importlib.util
import os
import sys
from pathlib import Path

HERE = Path(__file__).parent


@functools.cache
def rules(library: str, *, wrong: bool):
    """Return the module of rules of a library; once, as an operator has its name once."""
    name = f"sample_{library}_{'wrong' if wrong else 'right'}"
    os.environ["SAMPLE_WRONG"] = str(int(wrong))
    spec = importlib.util.spec_from_file_location(name, HERE / f"rules_of_{library}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def in_thread(call):
    """Run a call in a thread of its own, and return what it returns."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result()
