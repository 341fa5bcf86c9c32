"""Each mistake by its name, beside a neighbour that tempts: numbers alone, no func is called."""

from dataclasses import replace

import numpy as np
import pytest

from gradproof._diagnosis.by_outputs import by_outputs
from gradproof._diagnosis.choose import diagnoses, named
from gradproof._diagnosis.evidence import Evidence, Sum
from gradproof._diagnosis.fields import Beside, Field
from gradproof._report.diagnoses import Diagnosis

BAR = 1e-9
RNG = np.random.default_rng(7)
G = RNG.standard_normal(24)
X = RNG.standard_normal(24)
M = RNG.standard_normal((8, 8))
W = RNG.standard_normal((6, 5))
ROW, COLUMN = np.indices((8, 8))
SYMMETRIC = M + M.T
#: A matrix that differs from its transpose by a thousandth of it.
NEARLY = M + M.T + 1e-3 * (M - M.T)


def field(claimed, measured, name="w", *, x=None, sample=None, **more):
    """Return a field that was measured in full, or in so many entries."""
    claimed, measured = np.asarray(claimed, float), np.asarray(measured, float)
    where = np.arange(claimed.size)
    if sample is not None:
        where = np.sort(np.random.default_rng(0).choice(claimed.size, sample, replace=False))
    beside = tuple(more.pop("beside", ()))
    if x is not None:
        beside = (Beside("x", np.asarray(x, float), of_field=True), *beside)
    return Field(
        name=name,
        claimed=claimed,
        where=where,
        measured=measured.reshape(-1)[where],
        bar=np.full(where.size, BAR),
        beside=beside,
        **more,
    )


def said(*fields: Field, cotangent: np.ndarray | None = None) -> tuple[Diagnosis, ...]:
    """Return what is said of fields."""
    evidence = Evidence(list(fields), cotangent=cotangent)
    wrong = frozenset(k for k, own in enumerate(fields) if own.wrong.any())
    right = frozenset(range(len(fields))) - wrong
    return diagnoses(evidence, named(evidence, wrong, right))


def kinds(*fields: Field) -> list[str]:
    """Return the kinds that are said, best first."""
    return [str(one.kind) for one in said(*fields)]


def first(*fields: Field) -> Diagnosis:
    """Return what is said first."""
    return said(*fields)[0]


def tanh_slope(v):
    return 1 - np.tanh(v) ** 2


def test_right_claims_have_no_name():
    assert said(field(G, G)) == ()


def test_right_claims_with_round_numbers_have_no_name():
    numbers = np.array([1.0, 2.0, 0.5, 3.0, 1.0, -2.0])
    assert said(field(numbers, numbers)) == ()


def test_sign():
    assert kinds(field(-G, G)) == ["sign"]


@pytest.mark.parametrize("factor", [-1.02, -1.0005])
def test_nearly_the_sign_is_a_factor(factor):
    found = first(field(factor * G, G))
    assert found.kind == "factor"
    assert found.value == pytest.approx(factor, abs=1e-6)


def test_sign_of_round_numbers_is_no_precision():
    numbers = np.array([1.0, 2.0, 0.5, 3.0, 1.25, -2.0])
    assert kinds(field(-numbers, numbers)) == ["sign"]


def test_zero():
    assert kinds(field(0 * G, G)) == ["zero"]


def test_nearly_zero_is_a_factor():
    found = first(field(1e-3 * G, G))
    assert found.kind == "factor"
    assert found.value == pytest.approx(1e-3, abs=1e-8)


def test_factor():
    found = first(field(2 * G, G))
    assert found.kind == "factor"
    assert "is 2 times" in found.text


def test_a_factor_near_a_known_one_is_not_that():
    found = first(field(2.001 * G, G))
    assert found.kind == "factor"
    assert "is 2 times" not in found.text


def test_mean_for_sum():
    found = said(field(W / 6, W))
    assert {str(one.kind) for one in found} == {"factor", "reduced"}
    assert "mean instead of sum" in found[0].text


def test_a_factor_near_a_length_is_no_mean():
    assert kinds(field(W / 6.001, W)) == ["factor"]


def test_factor_of_what_has_no_slope():
    assert kinds(field(G, 0 * G)) == ["factor"]


def test_transposed():
    assert kinds(field(M.T, M)) == ["transposed"]


def test_transposed_at_a_small_asymmetry():
    assert kinds(field(NEARLY.T, NEARLY)) == ["transposed"]


def test_order_of_memory():
    assert kinds(field(W.T.reshape(W.shape), W)) == ["transposed"]


def test_off_diagonal_doubled_on_a_nearly_symmetric_matrix():
    found = said(field(np.where(ROW != COLUMN, 2 * NEARLY, NEARLY), NEARLY))
    assert {str(one.kind) for one in found} == {"conditional", "factor"}
    assert "off the diagonal" in found[0].place


def test_reversed():
    assert kinds(field(G[::-1], G)) == ["permuted"]


def test_rolled():
    assert kinds(field(np.roll(W, 1, 0), W)) == ["shifted"]


def test_rolled_far_with_another_sign_has_no_name():
    assert said(field(-np.roll(G, 5), G)) == ()


def test_shifted():
    moved = np.roll(G, 1)
    moved[0] = 0
    assert kinds(field(moved, G)) == ["shifted"]


def test_halves():
    found = first(field(np.roll(G, 12), G))
    assert found.kind == "permuted"
    assert "halves swapped" in found.text


def test_nearly_halves_are_permuted():
    moved = np.roll(G, 12)
    moved[[2, 3]] = moved[[3, 2]]
    found = first(field(moved, G))
    assert found.kind == "permuted"
    assert "halves" not in found.text


def test_permuted():
    order = np.random.default_rng(1).permutation(24)
    assert kinds(field(G[order], G)) == ["permuted"]


def test_scrambled_has_no_name():
    order = np.random.default_rng(1).permutation(24)
    assert said(field(G[order] * np.linspace(0.9, 1.1, 24), G)) == ()


def test_swapped():
    found = kinds(field(X, G, "a"), field(G, X, "b"))
    assert set(found) == {"swapped"}


def test_nearly_swapped_has_no_name():
    assert said(field(1.3 * X + 0.1, G, "a"), field(G * 0.7 - X, X, "b")) == ()


def test_reduced():
    assert kinds(field(np.broadcast_to(W.mean(0), W.shape), W)) == ["reduced"]


def test_another_constant_along_an_axis_is_not_reduced():
    claimed = np.broadcast_to(np.linspace(-1, 2, 5), W.shape)
    assert "reduced" not in kinds(field(claimed, W))


def test_the_first_row_of_the_cotangent_alone():
    (found,) = said(field(W[0], W.sum(0)), cotangent=W)
    assert found.kind == "reduced"
    assert "first row of the cotangent" in found.text


def test_another_row_of_the_cotangent_has_no_name():
    assert said(field(W[2], W.sum(0)), cotangent=W) == ()


def test_constant_missing():
    assert kinds(field(G - 0.3, G, x=X)) == ["missing_term"]


@pytest.mark.parametrize(
    ("term", "words"), [(0.1 * X, "times x"), (0.1 * np.sign(X), "times sign(x)")]
)
def test_decay_missing(term, words):
    found = first(field(G - term, G, x=X))
    assert found.kind == "missing_term"
    assert found.text.endswith(words)
    assert found.value == pytest.approx(0.1)


def test_mean_not_subtracted():
    found = first(field(W + np.linspace(-1, 1, 6)[:, None], W))
    assert found.kind == "missing_term"
    assert "constant along the last axis" in found.text


def test_what_varies_along_the_axis_has_no_name():
    varying = np.linspace(-1, 1, 6)[:, None] * np.linspace(0.9, 1.1, 5) ** 2
    noise = 1 + 0.05 * np.random.default_rng(2).standard_normal(W.shape)
    assert said(field(W + varying * noise, W)) == ()


def test_missing_factor():
    found = first(field(G, G * tanh_slope(X), x=X))
    assert found.kind == "missing_factor"
    assert "tanh(x)**2" in found.text


def test_factor_of_x_missing():
    found = first(field(G, G * X, x=X))
    assert found.kind == "missing_factor"
    assert "is x times" in found.text


def test_a_factor_of_x_is_a_number_where_x_is():
    found = first(field(G, 2 * G, x=np.full(24, 2.0)))
    assert found.kind == "factor"
    assert found.value == pytest.approx(0.5)


def test_nearly_a_missing_factor_has_no_name():
    assert said(field(G, G * tanh_slope(1.01 * X), x=X)) == ()


@pytest.mark.parametrize(("name", "bits"), [("bfloat16", 8), ("float16", 11)])
def test_precision(name, bits):
    fraction, exponent = np.frexp(G)
    found = first(field(np.ldexp(np.round(np.ldexp(fraction, bits)), exponent - bits), G))
    assert found.kind == "precision"
    assert name in found.text


def test_noise_of_the_size_of_a_rounding_is_no_precision():
    noise = 2.0**-9 * np.random.default_rng(4).uniform(-1, 1, 24)
    assert said(field(G * (1 + noise), G)) == ()


def test_clipped():
    assert kinds(field(np.clip(G, -0.8, 0.8), G)) == ["clipped"]


def test_a_largest_number_that_is_too_large_is_not_clipped():
    claimed = np.where(np.abs(G) > 0.8, np.sign(G) * 3.0, G)
    assert "clipped" not in kinds(field(claimed, np.clip(G, -2.5, 2.5)))


def test_nan():
    claimed = G.copy()
    claimed[3] = np.nan
    own = field(claimed, G, sample=0)  # nothing is measured of such a claim
    evidence = Evidence([own])
    (found,) = diagnoses(evidence, named(evidence, frozenset({0}), frozenset()))
    assert found.kind == "nan"
    assert "w[3]" in found.place


def test_straight_through():
    cotangent = (Beside("the cotangent", G),)
    assert kinds(field(G, G * X, beside=cotangent))[0] == "straight_through"


def test_a_multiple_of_the_cotangent_is_not_straight_through():
    cotangent = (Beside("the cotangent", X),)
    assert kinds(field(2 * X, X, beside=cotangent)) == ["factor"]


def test_conjugate():
    assert kinds(field([G, -X], [G, X], batch=1, complex=True)) == ["conjugate"]


def test_the_sign_of_both_parts_is_not_conjugate():
    assert kinds(field([-G, -X], [G, X], batch=1, complex=True)) == ["sign"]


def test_conditional():
    found = said(field(np.where(X < 0, -G, G), G, x=X))
    assert {str(one.kind) for one in found} == {"conditional", "sign"}
    assert "x < 0" in found[0].place


def test_a_random_subset_has_no_condition():
    wrong = np.zeros(24, dtype=bool)
    wrong[[1, 4, 6, 11, 12, 17, 20, 21]] = True
    found = said(field(np.where(wrong, -G, G), G, x=X[::-1] ** 2))
    assert found[0].kind == "sign"
    assert not any("where" in one.place or "index" in one.place for one in found)


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (ROW == COLUMN, "on the diagonal"),
        (COLUMN > ROW, "above the diagonal"),
        (COLUMN % 2 == 1, "every second"),
        (COLUMN >= 6, "[:, 6:8]"),
        (ROW == 3, "w[3, :]"),
    ],
)
def test_places(mask, words):
    found = said(field(np.where(mask, 2 * M, M), M))
    assert "factor" in {str(one.kind) for one in found}
    assert words in found[0].place


def test_a_diagonal_with_an_entry_more_is_not_the_diagonal():
    mask = (ROW == COLUMN) | ((ROW == 2) & (COLUMN == 5))
    places = [one.place for one in said(field(np.where(mask, 2 * M, M), M))]
    assert "w on the diagonal" not in places


def test_zero_under_a_condition():
    found = said(field(np.where(ROW == COLUMN, M, 0), M))
    assert found[0].kind == "zero"
    assert "off the diagonal" in found[0].place


def test_one_entry():
    claimed = G.copy()
    claimed[5] *= -1
    found = first(field(claimed, G))
    assert found.kind == "sign"
    assert "w[5]" in found.place


def test_two_entries_are_listed_though_they_share_a_condition():
    claimed, x = G.copy(), X.copy()
    claimed[[3, 20]] *= -1
    x[[3, 20]] = 9.0
    found = first(field(claimed, G, x=x))
    assert found.kind == "sign"
    assert "(w[3], w[20])" in found.place


def test_many_entries_without_a_condition_are_listed():
    wrong = np.zeros(24, dtype=bool)
    wrong[[1, 6, 11, 12, 17]] = True
    found = first(field(np.where(wrong, 2 * G, G), G, x=X[::-1] ** 2))
    assert found.kind == "factor"
    assert "in 5 of 24 entries" in found.place


def test_a_subset_of_a_sample():
    draw = np.random.default_rng(3)
    large, wrong = draw.standard_normal((60, 60)), draw.random((60, 60)) < 0.4
    found = said(field(np.where(wrong, -large, large), large, sample=50))
    assert [str(one.kind) for one in found] == ["sign", "partial"]
    assert "without a pattern" in found[0].place


def test_one_entry_with_an_odd_factor_has_no_kind():
    claimed = G.copy()
    claimed[5] *= 1.2345
    assert said(field(claimed, G)) == ()


def test_asymmetric():
    claimed = SYMMETRIC.copy()
    claimed[1, 4] += 0.5
    assert "asymmetric" in kinds(field(claimed, SYMMETRIC, "", inner=1, symmetric=True))


def test_a_symmetric_mistake_is_not_asymmetric():
    assert kinds(field(-SYMMETRIC, SYMMETRIC, "", inner=1, symmetric=True)) == ["sign"]


def test_noise_has_no_name():
    noise = 1 + 0.1 * np.random.default_rng(5).standard_normal(24)
    assert said(field(G * noise, G, x=X)) == ()


def test_a_factor_for_each_column():
    (one,) = said(field(W * np.array([0.6, 1.3, 1.9, 0.8, 1.1]), W))
    assert one.kind == "missing_factor"
    assert "lacks a factor that is the same along axis 0, and another one elsewhere" in one.text


def test_a_factor_for_each_column_but_for_an_entry_has_no_name():
    factor = np.broadcast_to([0.6, 1.3, 1.9, 0.8, 1.1], W.shape).copy()
    factor[2, 3] *= 1.02
    assert said(field(W * factor, W)) == ()


def test_another_array_has_no_name():
    assert said(field(np.random.default_rng(6).standard_normal((6, 5)), W)) == ()


def test_a_sample_of_a_wrong_sign():
    large = np.random.default_rng(3).standard_normal((40, 40))
    assert kinds(field(-large, large, sample=12)) == ["sign"]


def test_a_row_of_zeros_beside_another_mistake_is_not_all():
    claimed = np.roll(M, 1, 0)
    claimed[0] = 0
    own = replace(field(claimed, M), where=np.arange(4), measured=M[0, :4], bar=np.full(4, BAR))

    def ask(weights):
        error = np.array([((M - claimed) * weights[0]).sum()])
        return Sum(weights, error, np.array([BAR]))

    wrong = frozenset({0})
    found = named(Evidence([own], ask=ask), wrong, frozenset()).named
    assert 0 not in found or found[0].kind != "zero"


def asking(own: Field, truth: np.ndarray) -> Evidence:
    """Return the evidence on a field, of which sums are measured when they are asked for."""

    def ask(weights):
        error = np.array([((truth - own.claimed) * weights[0]).sum()])
        return Sum(weights, error, np.array([BAR]))

    whole = ask({0: np.ones(own.shape)})
    return Evidence([own], [whole], ask=ask)


def rough(claimed, truth, **more):
    """Return a field whose claim is rounded to eight bits, so that sums tell little."""
    return field(claimed, truth, slack=0.06, rounding=0.015, **more)


LARGE = np.random.default_rng(3).standard_normal((30, 30))
AT = np.random.default_rng(8).standard_normal((30, 30))


def told(own, truth):
    """Return what is named of a field whose sums can be asked for."""
    evidence = asking(own, truth)
    return named(evidence, frozenset({0}), frozenset()).named.get(0)


def test_a_sum_tells_a_condition_from_a_narrower_one():
    claimed = np.where(AT < 0, -LARGE, LARGE)
    found = told(rough(claimed, LARGE, x=AT, sample=12), LARGE)
    assert found.condition == "where x < 0"


def test_a_sum_tells_a_narrower_condition_from_a_plain_one():
    claimed = np.where(AT < -0.8, -LARGE, LARGE)
    found = told(rough(claimed, LARGE, x=AT, sample=40), LARGE)
    assert found is None or found.condition != "where x < 0"


def test_more_than_the_entries_of_a_rough_claim_that_were_measured_are_off_if_a_sum_says_so():
    wrong = np.zeros((30, 30), dtype=bool)
    wrong.reshape(-1)[np.sort(np.random.default_rng(0).choice(900, 20, replace=False))[:2]] = True
    found = told(rough(np.where(wrong, -LARGE, LARGE), LARGE, sample=20), LARGE)
    assert found.condition.startswith("in at least 2 of 900")
    more = wrong | (ROW_30 == 7)
    found = told(rough(np.where(more, -LARGE, LARGE), LARGE, sample=20), LARGE)
    assert found is None or "2 of 900" not in found.condition


ROW_30 = np.indices((30, 30))[0]


def test_a_prediction_that_is_huge_explains_nothing():
    noise = 1 + 0.1 * np.random.default_rng(5).standard_normal(24)
    own = rough(G * noise, G, x=np.where(X > 0, 600.0, 0.1) + X)
    assert "missing_factor" not in kinds(own)


def test_zeros_under_a_limit():
    found = first(field(np.where(np.abs(X) > 1, 0, G), G, x=X))
    assert found.kind == "zero"
    assert "where |x| > " in found.place


def test_a_short_factor_of_one_number():
    found = first(field([3.7 * G[0]], [G[0]]))
    assert found.kind == "factor"
    assert found.value == pytest.approx(3.7)


def test_a_number_that_is_off_by_anything_else_has_no_name():
    assert said(field([3.71234 * G[0]], [G[0]])) == ()


def test_zeros_that_are_right_are_part_of_no_pattern():
    sparse = np.where(np.abs(ROW - COLUMN) <= 1, M, 0)
    found = first(field(np.where(ROW == COLUMN, 0, sparse), sparse))
    assert found.kind == "zero"
    assert "on the diagonal" in found.place


SHARES = np.random.default_rng(9).standard_normal((9, 2))
CLOSE = np.full(9, 1e-9)


@pytest.mark.parametrize(
    ("factor", "kind", "words"),
    [
        (0.0, "missing_term", "lacks what comes from func's second result"),
        (-1.0, "sign", "has the wrong sign in what comes from func's second result"),
        (2.0, "factor", "times what comes from func's second result"),
    ],
)
def test_one_result_of_several(factor, kind, words):
    found = by_outputs(SHARES @ [1.0, factor], SHARES, CLOSE, ["", ""])
    assert found is not None
    assert found.kind == kind
    assert words in found.text


def test_both_results_have_no_name_of_one():
    assert by_outputs(SHARES @ [-1.0, 2.0], SHARES, CLOSE, ["", ""]) is None


def test_results_that_add_the_same_are_not_told_apart():
    alike = np.stack([SHARES[:, 0], SHARES[:, 0]], axis=1)
    assert by_outputs(alike @ [1.0, 0.0], alike, CLOSE, ["", ""]) is None


def test_short_bars_of_what_is_far_off_do_not_hide_a_factor():
    truth = G + 3 * BAR * (np.arange(24) % 8 == 0)
    assert kinds(field(2 * G, truth)) == ["factor"]


def test_what_is_beyond_all_bars_is_no_factor():
    truth = G + 8 * BAR * (np.arange(24) % 8 == 0)
    assert "factor" not in kinds(field(2 * G, truth))


def test_one_number_with_few_digits():
    fraction, exponent = np.frexp(G[0])
    assert kinds(field([np.ldexp(np.round(np.ldexp(fraction, 11)), exponent - 11)], [G[0]])) == [
        "precision"
    ]


def test_one_round_number_is_no_precision():
    assert "precision" not in kinds(field([1.5], [1.5 * (1 + 2.0**-12)]))


def test_the_same_factor_of_several_arguments_is_said_once():
    blurred = replace(field(3.7 * M, M, "m"), bar=np.full(64, 3e-7))
    found = said(field(3.7 * G, G, "w"), blurred)
    assert len(found) == 1
    assert "`w`, `m` is 3.7" in found[0].text


def test_factors_that_differ_are_said_each():
    assert len(said(field(3.7 * G, G, "w"), field(3.71 * M, M, "m"))) == 2


def test_one_number_at_many_places_is_not_permuted():
    """It was claimed at one of them."""
    right = np.diag(X[:6]) + np.eye(6, k=1)
    claimed = right + np.diag(np.linspace(0, 0.1, 5), 1)
    assert "permuted" not in kinds(field(claimed, right))
