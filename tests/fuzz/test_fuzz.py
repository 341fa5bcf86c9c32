"""A few random problems for each library and road; `nox -s fuzz` runs thousands."""

import zlib

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from tests.fuzz.oracle import described, outcome
from tests.fuzz.strategies import problems, roads
from tests.libraries import REQUIRED, about

#: Checks for each road, the same ones in every run; compiling makes those of JAX slow.
EXAMPLES = {"numpy": 4, "array_api_strict": 2, "torch": 3, "jax": 1}

CASES = [
    about(library, library, road, name=f"{library}-{road}")
    for library in EXAMPLES
    if library in REQUIRED
    for road in roads(library)
]


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(("library", "road"), CASES)
def test_what_is_said_of_random_problems_may_be_said(library: str, road: str):
    @seed(zlib.crc32(f"{library} {road}".encode()))
    @settings(
        max_examples=EXAMPLES[library],
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def check(data):
        problem = data.draw(problems(library, road))
        found = outcome(problem, road)
        if found.finding is not None:
            pytest.fail(f"{described(problem, road, found)}\n{found.finding.text}", pytrace=False)

    check()
