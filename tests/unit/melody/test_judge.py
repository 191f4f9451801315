"""The judge prefers what is near, and is surer of what is far ahead."""

import numpy as np
import pytest

from earmark.melody.judge import FEATURES, certainty, certainty_inputs, features_of, scores
from earmark.melody.propose import Proposals
from earmark.melody.rerank import Alignments
from earmark.melody.weights import ACCEPT, ACCEPT_UNSTEADY, FITTED


def weighed(cost, whole):
    count = len(cost)
    cost, whole = np.array(cost, np.float32), np.array(whole, np.float32)
    none = np.zeros(count, np.float32)
    proposals = Proposals(np.arange(count), whole, whole, np.arange(count), none, none + 1)
    return features_of(proposals, Alignments(cost, cost, cost, none, none + 1, none))


def test_there_is_a_weight_for_every_feature():
    assert len(FITTED.features) == len(FEATURES) == weighed([1.0], [0.5]).shape[1]
    assert len(FITTED.certainty) == len(certainty_inputs(1.0, 1.0, 1.0, 1.0, 1))
    assert 0 < ACCEPT < ACCEPT_UNSTEADY < 1


def test_nearer_is_better():
    by_cost = scores(weighed([0.4, 0.8, 1.6], [0.8, 0.8, 0.8]), FITTED)
    assert (np.diff(by_cost) < 0).all()
    by_similarity = scores(weighed([1.0, 1.0, 1.0], [0.9, 0.7, 0.5]), FITTED)
    assert (np.diff(by_similarity) < 0).all()


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ((1.5, 2.0, 6.0, 0.8, 12), (0.5, 2.0, 6.0, 0.8, 12)),  # a smaller cost
        ((0.5, 0.2, 6.0, 0.8, 12), (0.5, 5.0, 6.0, 0.8, 12)),  # a longer lead
        ((0.5, 2.0, 6.0, 0.4, 12), (0.5, 2.0, 6.0, 0.9, 12)),  # more alike
        ((0.5, 2.0, 6.0, 0.8, 3), (0.5, 2.0, 6.0, 0.8, 20)),  # more notes
    ],
)
def test_certainty_grows_with_evidence(less, more):
    assert certainty(certainty_inputs(*less), FITTED) < certainty(certainty_inputs(*more), FITTED)


def test_certainty_is_a_probability_whatever_comes():
    for inputs in ((0.0, 99.0, 600.0, 1.0, 900), (4.0, 0.0, 0.0, -1.0, 0)):
        assert 0.0 < certainty(certainty_inputs(*inputs), FITTED) < 1.0
