"""
How often verify_grad is wrong, or does not know: a table per dtype and family.

``nox -s calibration -- --seeds 4 --dtypes float64,float32``
"""

import argparse
from collections import Counter, defaultdict

import numpy as np
import torch
from tests.calibration.families import cases, gradient, mistakes

from gradproof import verify_grad
from gradproof._scales import moves

EPS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}


def main() -> None:
    """Print the table, and every verdict that was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="instances of each function")
    parser.add_argument("--dtypes", default=",".join(EPS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    right, wrong = defaultdict(Counter), defaultdict(Counter)
    calls = defaultdict(list)
    for seed in range(options.seeds):
        for case in cases(seed):
            for dtype in set(case.dtypes) & set(options.dtypes.split(",")):
                x = torch.as_tensor(case.x0).to(getattr(torch, dtype))
                g = gradient(case.func, x).double().numpy()
                key = dtype, case.family
                report = verify_grad(case.func, lambda z, f=case.func: gradient(f, z), x, seed=seed)
                right[key][str(report.verdict)] += 1
                calls[key].append(report.nfev / (2.2 * x.numel() + 40))
                if report.verdict == "fail":
                    print(f"false alarm: {dtype}, {case.name}, seed {seed}: {report.reason}")
                size = moves(x.double().numpy(), EPS[dtype])
                for name, claim in mistakes(g, dtype, size, seed).items():
                    offset = torch.as_tensor(claim - g)
                    report = verify_grad(
                        case.func,
                        lambda z, f=case.func, d=offset: gradient(f, z).double() + d,
                        x,
                        seed=seed,
                    )
                    wrong[key][str(report.verdict)] += 1
                    if report.ok:
                        print(f"miss: {dtype}, {case.name}, seed {seed}: {name}")
    _table(right, wrong, calls)


def _table(right, wrong, calls) -> None:
    print("\n| dtype | family | right: pass | fail | inconclusive | wrong: fail | pass | inconclusive "
          "| calls / (2.2 n + 40): median | worst |")  # fmt: skip
    print("|" + "---|" * 10)
    for key in sorted(right, key=lambda k: (-len(EPS) + list(EPS).index(k[0]), k[1])):
        r, w = right[key], wrong[key]
        cells = [
            *key,
            r["pass"],
            r["fail"],
            r["inconclusive"],
            w["fail"],
            w["pass"],
            w["inconclusive"],
        ]
        cells += [f"{np.median(calls[key]):.2f}", f"{max(calls[key]):.2f}"]
        print("| " + " | ".join(map(str, cells)) + " |")
    print(f"\n{sum(sum(c.values()) for c in right.values())} right and "
          f"{sum(sum(c.values()) for c in wrong.values())} wrong claims")  # fmt: skip


if __name__ == "__main__":
    main()
