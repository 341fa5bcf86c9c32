"""Hadamard matrices, and the noise of effects that are mostly zero."""

import functools

import numpy as np

#: The standard error of a design is measured, with as many values as it has entries: 4 of it are
#: 6e-5, and whoever is suspected is looked at again.
DEVIATIONS = 4.0


@functools.lru_cache(maxsize=16)
def hadamard(least: int) -> np.ndarray:
    """
    Return a Hadamard matrix of the smallest order from `least` on that Paley or Sylvester give.

    Source: R. E. A. C. Paley, J. Math. and Phys. 12 (1933) 311.
    """
    order = max(4, -(-least // 4) * 4)
    while True:
        doublings, core = 1, order
        while core % 2 == 0 or core > 2:
            if core == 2 or (core % 4 == 0 and _is_prime(core - 1)):
                matrix = _paley(core - 1) if core > 2 else np.array([[1, 1], [1, -1]])
                for _ in range(doublings.bit_length() - 1):
                    matrix = np.kron(np.array([[1, 1], [1, -1]]), matrix)
                return matrix.astype(float)
            if core % 2:
                break
            doublings, core = doublings * 2, core // 2
        order += 4


def _is_prime(q: int) -> bool:
    return q > 1 and all(q % d for d in range(2, int(q**0.5) + 1))


def _paley(q: int) -> np.ndarray:
    """Return the matrix of order q + 1, q a prime of the form 4k - 1."""
    residues = {i * i % q for i in range(1, q)}
    character = np.array([0] + [1 if i in residues else -1 for i in range(1, q)])
    skew = np.zeros((q + 1, q + 1), dtype=int)
    skew[0, 1:], skew[1:, 0] = 1, -1
    skew[1:, 1:] = character[(np.arange(q)[None, :] - np.arange(q)[:, None]) % q]
    return skew + np.eye(q + 1, dtype=int)


def pseudo_standard_error(effects: np.ndarray) -> float:
    """
    Return the standard error of effects most of which are nothing but error.

    Source: R. V. Lenth, Technometrics 31 (1989) 469. The few effects that are real are left out.
    """
    size = np.abs(effects)
    first = 1.5 * float(np.median(size))
    rest = size[size < 2.5 * first]
    return 1.5 * float(np.median(rest)) if rest.size else first
