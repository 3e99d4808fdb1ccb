"""Intervals, paired tests and rankings against hand-computed and published values."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from cosolve.evaluation.statistics import (
    Interval,
    WinTieLoss,
    bootstrap_interval,
    compare_all,
    holm,
    rank_solvers,
    wilcoxon_p,
    win_tie_loss,
)

SCORES = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30)


# -- intervals --------------------------------------------------------------------------------------------


def test_the_interval_holds_the_mean_and_repeats():
    """The same records must give the same page twice."""
    values = np.random.default_rng(1).exponential(size=40)
    interval = bootstrap_interval(values)
    assert interval.low < values.mean() < interval.high
    assert interval == bootstrap_interval(values)
    assert interval != bootstrap_interval(values, seed=1)


@pytest.mark.parametrize("size", [60, 600], ids=["bca", "percentile"])
def test_the_interval_agrees_with_the_t_interval_on_normal_data(size):
    """Where the textbook's interval is right, the bootstrap must not be far from it."""
    values = np.random.default_rng(2).normal(size=size)
    half = scipy.stats.t.ppf(0.975, size - 1) * values.std(ddof=1) / math.sqrt(size)
    interval = bootstrap_interval(values)
    assert interval.low == pytest.approx(values.mean() - half, abs=0.25 * half)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.25 * half)


def test_intervals_cover_the_true_mean_about_as_often_as_they_say():
    """95 % means 95 %: 200 samples of 30 from the unit interval; 0.87 is five standard errors below."""
    rng = np.random.default_rng(3)
    hits = [not bootstrap_interval(rng.random(30), resamples=500).excludes(0.5) for _ in range(200)]
    assert 0.87 <= np.mean(hits) <= 1.0


def test_values_equal_up_to_rounding_have_an_interval():
    """It was NaN, which no gate fails on: B was worse by a tenth on every instance, and passed."""
    interval = bootstrap_interval([0.3 - 0.2, 0.1, 0.3 - 0.2, 0.1 - 0.0])
    assert interval.low == pytest.approx(0.1)
    assert interval.high == pytest.approx(0.1)
    assert interval.low <= interval.high


def test_an_interval_that_bca_has_no_end_of_is_that_of_percentiles():
    """Cubes of values beyond 1e102 overflow in the acceleration: both ends were NaN."""
    interval = bootstrap_interval([1e200, 2e200, 5e200])
    assert 1e200 <= interval.low < interval.high <= 5e200
    assert bootstrap_interval([1e308, 1.5e308, 1.7e308]) is None


def test_intervals_where_there_is_nothing_to_resample():
    """BCa divides by 0 on constant data and SciPy answers NaN; one value says nothing at all."""
    assert bootstrap_interval([0.25, 0.25, 0.25]) == Interval(0.25, 0.25)
    assert bootstrap_interval([0.25]) is None
    assert bootstrap_interval([]) is None
    assert bootstrap_interval([1.0, math.inf]) is None


# -- pairs ------------------------------------------------------------------------------------------------


def test_wins_ties_and_losses_by_hand():
    """0.1 < 0.2 wins, 0.3 and 0.3 + 1e-9 tie, two failures tie, failed against 1 loses, NaN is not counted."""
    a = [0.1, 0.3, math.inf, math.inf, math.nan, 0.5]
    b = [0.2, 0.3 + 1e-9, math.inf, 1.0, 0.1, math.nan]
    assert win_tie_loss(a, b) == WinTieLoss(wins=1, ties=2, losses=1)
    assert win_tie_loss(a, b).pairs == 4


def test_tolerance_is_relative_above_one():
    """Run times of 1000 s that differ by 0.5 ms are the same; gaps that differ by 5e-4 are not."""
    assert win_tie_loss([1000.0], [1000.0005]).ties == 1
    assert win_tie_loss([0.1], [0.1005]).wins == 1


@given(SCORES)
def test_wins_of_one_are_losses_of_the_other(scores):
    """Who is named first must not matter."""
    a, b = zip(*scores)
    first, second = win_tie_loss(a, b), win_tie_loss(b, a)
    assert (first.wins, first.ties, first.losses) == (second.losses, second.ties, second.wins)


@pytest.mark.parametrize("size", [1, 5, 8, 20, 60])
def test_wilcoxon_does_not_depend_on_who_is_named_first(size):
    """Exact, by sign changes and by approximation alike; every other difference is 0."""
    a, b = np.random.default_rng(size).random((2, size))
    b[::2] = a[::2]
    assert wilcoxon_p(a, b) == pytest.approx(wilcoxon_p(b, a))


def test_wilcoxon_by_hand():
    """Six differences of one sign: both tails have 1 of 2^6 outcomes, 2 / 64; five: 2 / 32."""
    assert wilcoxon_p(np.arange(1.0, 7.0), np.zeros(6)) == pytest.approx(2 / 64)
    assert wilcoxon_p(np.zeros(5), np.arange(1.0, 6.0)) == pytest.approx(2 / 32)


def test_wilcoxon_with_zeros_ranks_them_and_drops_their_ranks():
    """
    Differences 0, 0, 1, 2, 3: Pratt's ranks of the non-zeros are 3, 4, 5, all positive.

    Of their 8 signs the two extreme ones are at least as far out: p = 2 / 8.
    """
    assert wilcoxon_p([0, 0, 1, 2, 3], [0, 0, 0, 0, 0]) == pytest.approx(0.25)


def test_wilcoxon_against_signs_enumerated_one_by_one():
    """With ties and zeros, SciPy's older versions took a table that holds for neither."""
    rng = np.random.default_rng(5)
    for _ in range(10):
        differences = rng.integers(-3, 5, size=8).astype(float)
        ranks = scipy.stats.rankdata(np.abs(differences)) * (differences != 0)
        sums = [ranks[[bool(k >> i & 1) for i in range(8)]].sum() for k in range(2**8)]
        observed, centre = ranks[differences > 0].sum(), ranks.sum() / 2
        extreme = np.mean([abs(total - centre) >= abs(observed - centre) - 1e-9 for total in sums])
        assert wilcoxon_p(differences, np.zeros(8)) == pytest.approx(extreme)


def test_wilcoxon_where_there_is_no_difference_or_no_pair():
    """Two equal solvers are no error."""
    assert wilcoxon_p([0.1, 0.2], [0.1, 0.2]) == 1.0
    assert wilcoxon_p([0.1, 0.2], [0.1 + 1e-9, 0.2], tolerance=1e-6) == 1.0
    assert math.isnan(wilcoxon_p([math.nan], [1.0]))


def test_one_failure_is_the_largest_difference_there_is():
    """A finite stand-in that is not the largest would change the ranks."""
    a = [1.0, 2.0, 3.0, 4.0, 5.0, math.inf]
    assert wilcoxon_p(a, np.zeros(6)) == pytest.approx(2 / 64)
    # Ranks -1, -2 and 3 are in balance; were the failure the least of them, p would be 4 / 8.
    assert wilcoxon_p([-2.0, -3.0, math.inf], np.zeros(3)) == pytest.approx(1.0)
    assert wilcoxon_p([math.inf, math.inf], [math.inf, math.inf]) == 1.0


def test_holm_by_hand():
    """0.01 * 4 = 0.04; 0.02 * 3 = 0.06; 0.03 * 2 = 0.06; 0.04 * 1 is lifted to 0.06; NaN is no hypothesis."""
    np.testing.assert_allclose(holm([0.03, math.nan, 0.01, 0.04, 0.02]), [0.06, np.nan, 0.04, 0.06, 0.06])
    np.testing.assert_allclose(holm([0.5, 0.9]), [1.0, 1.0])
    assert holm([]).size == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_the_raw_value_and_bonferroni_and_keeps_the_order(p_values):
    """It never claims more than the raw values and never less than Bonferroni."""
    raw, adjusted = np.array(p_values), holm(p_values)
    assert (adjusted >= raw).all()
    assert (adjusted <= np.minimum(raw * len(raw), 1.0) + 1e-15).all()
    assert (np.diff(adjusted[np.argsort(raw, kind="stable")]) >= 0).all()


def test_all_pairs_are_compared_on_what_both_ran():
    """c did not run the first instance: pairs with c have one less, the pair a-b keeps it."""
    values = np.array([[0.0, 0.1, np.nan], [0.0, 0.1, 0.2], [0.0, 0.0, 0.4]])
    ab, ac, bc = compare_all(values, ("a", "b", "c"))
    assert (ab.a, ab.b, ab.counts) == ("a", "b", WinTieLoss(2, 1, 0))
    assert ab.mean_difference == pytest.approx(-0.2 / 3)
    assert ac.counts.pairs == bc.counts.pairs == 2
    np.testing.assert_allclose([p.p_adjusted for p in (ab, ac, bc)], holm([ab.p_value, ac.p_value, bc.p_value]))
    assert ab.rank_sum == -5.0


def test_who_is_better_is_said_by_what_is_tested_and_not_by_wins():
    """a is better by much on 18 instances, and worse by little on 22."""
    values = np.column_stack([np.zeros(40), np.append(np.full(18, 0.3), np.full(22, -0.001)) + 1e-6 * np.arange(40)])
    values[18:, 1] = -values[18:, 1]
    values[18:] = values[18:, ::-1]
    [pair] = compare_all(values, ("a", "b"))
    assert (pair.counts.wins, pair.counts.losses) == (18, 22)
    assert pair.rank_sum < 0
    assert pair.p_value < 0.05
    [other] = compare_all(values[:, ::-1], ("b", "a"))
    assert other.rank_sum == -pair.rank_sum


# -- ranking ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("num_solvers", "quantile"),
    # Critical values for the two-tailed Nemenyi test at 0.05: Demšar (2006), table 5 (a).
    [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (6, 2.850), (7, 2.949), (8, 3.031), (9, 3.102), (10, 3.164)],
)
def test_critical_distances_use_the_published_quantiles(num_solvers, quantile):
    """The table is for the Studentised range divided by the square root of 2, a division easily forgotten."""
    values = np.random.default_rng(0).random((30, num_solvers))
    ranking = rank_solvers(values, [f"s{i}" for i in range(num_solvers)])
    scale = math.sqrt(num_solvers * (num_solvers + 1) / (6 * 30))
    assert ranking.critical_distance / scale == pytest.approx(quantile, abs=1.1e-3)


def test_critical_distance_of_the_published_example():
    """Demšar (2006), section 3.2.3: four classifiers on 14 data sets, 1.25 at 0.05 and 1.12 at 0.10."""
    values = np.random.default_rng(0).random((14, 4))
    assert rank_solvers(values, "abcd").critical_distance == pytest.approx(1.25, abs=0.005)
    assert rank_solvers(values, "abcd", alpha=0.10).critical_distance == pytest.approx(1.12, abs=0.005)


def test_friedman_by_hand():
    """
    Ranks (1, 2, 3), (1, 2, 3), (1, 3, 2), (2, 1, 3): means 1.25, 2, 2.75.

    12 * 4 / (3 * 4) * (1.25^2 + 2^2 + 2.75^2 - 3 * 4^2 / 4) = 4 * 1.125 = 4.5
    """
    values = np.array([[1, 2, 3], [1, 2, 3], [1, 3, 2], [2, 1, 3]]) / 10.0
    ranking = rank_solvers(values[:, [2, 0, 1]], ("worst", "best", "middle"))
    assert ranking.solvers == ("best", "middle", "worst")
    assert ranking.mean_ranks == (1.25, 2.0, 2.75)
    assert ranking.statistic == pytest.approx(4.5)
    assert ranking.p_value == pytest.approx(math.exp(-4.5 / 2))  # chi-square with 2 degrees of freedom


def test_friedman_with_ties_agrees_with_scipy():
    """Ties shrink the variance of the ranks; without the correction p is too large."""
    values = np.random.default_rng(4).integers(0, 3, size=(20, 4)).astype(float)
    expected = scipy.stats.friedmanchisquare(*values.T)
    ranking = rank_solvers(values, "abcd")
    assert ranking.statistic == pytest.approx(expected.statistic)
    assert ranking.p_value == pytest.approx(expected.pvalue)


def test_rounding_errors_make_no_winner_and_failures_share_the_last_rank():
    """0.1 and 0.1 + 1e-12 are the same gap; two that failed are equally bad."""
    ranking = rank_solvers(np.array([[0.1, 0.1 + 1e-12, np.inf, np.inf]] * 3), "abcd")
    assert ranking.mean_ranks == (1.5, 1.5, 3.5, 3.5)


def test_equal_solvers_are_no_different():
    """All ranks tied: no variance at all, and no division by it."""
    ranking = rank_solvers(np.zeros((5, 3)), "abc")
    assert (ranking.statistic, ranking.p_value, ranking.cliques) == (0.0, 1.0, ((0, 2),))


def test_cliques_are_the_maximal_groups_within_the_distance():
    """Four solvers on 400 instances, the middle two alike: only they share a bar (critical distance 0.23)."""
    rng = np.random.default_rng(6)
    values = np.column_stack([rng.random(400), 2 + rng.random(400), 2 + rng.random(400), 4 + rng.random(400)])
    ranking = rank_solvers(values, "abcd")
    assert ranking.cliques == ((1, 2),)


def test_a_ranking_counts_complete_rows_only_and_says_so():
    """A solver that skipped an instance has no rank on it."""
    values = np.array([[0.1, 0.2], [0.1, np.nan], [0.2, 0.1], [0.1, 0.3]])
    assert rank_solvers(values, "ab").instances == 3
    assert rank_solvers(values[:2], "ab") is None
    assert rank_solvers(values[:, :1], "a") is None
