"""The discriminative loss and the foreground loss.

De Brabandere et al. 2017; Rumberger et al. 2021, section 3. For a sample with instances c = 1..K of
means mu_c over their pixel embeddings x:

    pull   = mean_c mean_{x in c} max(0, |x - mu_c| - pull_margin)^2
    push   = mean_{c != c'} max(0, push_distance - |mu_c - mu_c'|)^2
    length = mean_c |mu_c|

averaged over the samples of the batch: instances of different samples never repel each other. With
a `push_reach` two instances repel only if their bounding boxes are at most that many px apart
(Chen, Strauch and Merhof 2019): distant objects are separate components and do not need different
embeddings.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from shiftzoo.recipe import LossWeights


def discriminative_loss(
    embedding: Tensor, labels: Tensor, weights: LossWeights
) -> dict[str, Tensor]:
    """The three terms, unweighted.

    Parameters
    ----------
    embedding : Tensor (B, E, *space), float
    labels : Tensor (B, *space), int64, 0 is background

    Returns
    -------
    dict with "pull", "push" and "length", scalars; all 0 if the batch has no instances.
    """
    samples, channels = embedding.shape[:2]
    points = embedding.float().movedim(1, -1).reshape(-1, channels)  # (P, E)
    flat = labels.reshape(samples, -1)
    stride = int(flat.max()) + 1
    keys = (flat + stride * torch.arange(samples, device=flat.device)[:, None]).reshape(-1)
    inside = flat.reshape(-1) > 0
    points, keys = points[inside], keys[inside]
    if len(keys) == 0:
        zero = embedding.sum() * 0.0
        return {"pull": zero, "push": zero, "length": zero}

    # (K,), (P,), (K,)
    instances, member, size = torch.unique(keys, return_inverse=True, return_counts=True)
    sample = instances // stride  # (K,) the sample of an instance
    per_sample = torch.bincount(sample, minlength=samples)  # (B,)
    present = int((per_sample > 0).sum())
    # (K,) mean over instances, then over samples
    instance_weight = 1.0 / (per_sample[sample] * present)

    means = (
        torch.zeros(len(instances), channels, device=points.device).index_add(0, member, points)
        / size[:, None]
    )
    distance = (points - means[member] + 1e-8).norm(dim=1)  # 1e-8: a gradient at distance 0
    excess = (distance - weights.pull_margin).clamp(min=0).square()
    pull = (excess * (instance_weight / size)[member]).sum()

    pairs = (sample[:, None] == sample[None]) & ~torch.eye(
        len(instances), dtype=torch.bool, device=points.device
    )
    if weights.push_reach:
        pairs &= _within_reach(labels, inside, member, len(instances), weights.push_reach)
    one, other = pairs.nonzero(as_tuple=True)  # (N,) repelling pairs
    between = (means[one] - means[other] + 1e-8).norm(dim=1)
    apart = (weights.push_distance - between).clamp(min=0).square()
    pairs_of = torch.bincount(sample[one], minlength=samples)  # (B,) repelling pairs per sample
    pair_weight = 1.0 / (pairs_of * present)
    push = (apart * pair_weight[sample[one]]).sum()

    length = ((means + 1e-8).norm(dim=1) * instance_weight).sum()
    return {"pull": pull, "push": push, "length": length}


def _within_reach(
    labels: Tensor, inside: Tensor, member: Tensor, instances: int, reach: float
) -> Tensor:
    """True (K, K) for pairs of instances with boxes at most `reach` px apart on every axis."""
    near = torch.ones(instances, instances, dtype=torch.bool, device=labels.device)
    for axis in range(1, labels.ndim):
        shape = [1] * labels.ndim
        shape[axis] = -1
        along = (
            torch.arange(labels.shape[axis], device=labels.device)
            .reshape(shape)
            .expand_as(labels)
            .reshape(-1)[inside]
        )
        low = along.new_full((instances,), labels.shape[axis]).scatter_reduce(
            0, member, along, "amin"
        )
        high = along.new_zeros(instances).scatter_reduce(0, member, along, "amax")
        gap = low[:, None] - high[None]  # (K, K) px from the end of the second to the first's start
        near &= torch.maximum(gap, gap.T) <= reach
    return near


def foreground_loss(logits: Tensor, labels: Tensor, weights: LossWeights) -> Tensor:
    """Binary cross entropy plus `dice` times the soft Dice loss.

    `logits` is (B, 1, *space), `labels` (B, *space). Outlines weigh more by `outline_weight`. With
    a `gap_weight`, px where two objects touch are background and weigh more by it.
    """
    inside = labels > 0
    logits = logits[:, 0].float()
    emphasis = 1.0 + weights.outline_weight * outlines(labels).float()
    if weights.gap_weight:
        gap = touching(labels)
        inside = inside & ~gap
        emphasis = emphasis + weights.gap_weight * gap.float()
    target = inside.float()
    entropy = (
        functional.binary_cross_entropy_with_logits(logits, target, emphasis, reduction="sum")
        / emphasis.sum()
    )
    if not weights.dice:
        return entropy
    probability = logits.sigmoid()
    overlap = 2 * (probability * target).sum() + 1
    return entropy + weights.dice * (1 - overlap / (probability.sum() + target.sum() + 1))


def missed_share(logits: Tensor, labels: Tensor) -> Tensor:
    """1 - the soft Dice overlap of foreground and objects per sample, without gradient.

    (B,) float32 from 0 to 1.
    """
    probability = logits.detach()[:, 0].float().sigmoid().flatten(1)
    target = (labels > 0).float().flatten(1)
    return 1 - (2 * (probability * target).sum(1) + 1) / (probability.sum(1) + target.sum(1) + 1)


def outlines(labels: Tensor) -> Tensor:
    """True where a neighbor along an axis has a different label; (B, *space) bool."""
    return _beside(labels, lambda one, other: one != other)


def touching(labels: Tensor) -> Tensor:
    """True where a neighbor along an axis belongs to a different object; (B, *space) bool."""
    return _beside(labels, lambda one, other: (one != other) & (one > 0) & (other > 0))


def _beside(labels: Tensor, differ: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Both px of every pair of neighbors along an axis that `differ`."""
    result = torch.zeros_like(labels, dtype=torch.bool)
    for axis in range(1, labels.ndim):
        length = labels.shape[axis] - 1
        found = differ(labels.narrow(axis, 0, length), labels.narrow(axis, 1, length))
        result.narrow(axis, 0, length).logical_or_(found)
        result.narrow(axis, 1, length).logical_or_(found)
    return result


def total_loss(
    embedding: Tensor, logits: Tensor, labels: Tensor, weights: LossWeights
) -> tuple[Tensor, dict[str, Tensor]]:
    """The weighted sum to minimize, and each unweighted term for the log, without gradient."""
    terms = discriminative_loss(embedding, labels, weights)
    terms["foreground"] = foreground_loss(logits, labels, weights)
    loss = (
        weights.pull * terms["pull"]
        + weights.push * terms["push"]
        + weights.length * terms["length"]
        + weights.foreground * terms["foreground"]
    )
    return loss, {name: value.detach() for name, value in terms.items()}
