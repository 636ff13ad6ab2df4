"""Nuclei in a volume: textured, touching ellipsoids, seen through an anisotropic microscope.

The volume is sampled `anisotropy` times more coarsely along z than along y and x. The blur is
longer along z; deeper nuclei are dimmer; light from above and below the plane makes a haze; photon
counts add noise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from shiftzoo.data.labeled_images import Sample, numbered

SHAPE = (40, 112, 112)  # z, y, x
RADIUS = (4.0, 7.5)  # px of x; the mean of a volume
ANISOTROPY = (1.0, 2.0)
ALLOWED_OVERLAP = 0.15  # share of the volume of an added nucleus
MIN_VOXELS = 20  # smaller pieces of a nucleus at a face of the volume get no label

Volume = NDArray[np.float32]
Labels = NDArray[np.int32]


def draw_nuclei(random: np.random.Generator, name: str) -> Sample:
    """One volume (40, 112, 112) of uint16 and its labels."""
    anisotropy, radius = random.uniform(*ANISOTROPY), random.uniform(*RADIUS)
    label = numbered(_place(random, radius, anisotropy), MIN_VOXELS)
    light = _textured(label, random, anisotropy)
    return Sample(name, _photograph(light, random, anisotropy), label)


def _place(random: np.random.Generator, radius: float, anisotropy: float) -> Labels:
    """Ellipsoids with random axes and rotations; more than half are placed next to another one."""
    label = np.zeros(SHAPE, np.int32)
    nearest = np.ones(SHAPE, np.float32)  # distance to the nearest nucleus, in its extents
    size = np.array(SHAPE) * (anisotropy, 1.0, 1.0)  # of the volume, px of x
    centers: list[NDArray[np.float64]] = []
    wanted = random.uniform(0.05, 0.35) * float(np.prod(size)) / (4 / 3 * np.pi * radius**3)
    for _ in range(3 * max(2, int(wanted))):
        if len(centers) >= wanted:
            break
        if centers and random.random() < 0.6:
            direction = random.normal(size=3)
            center = centers[random.integers(len(centers))] + direction / np.linalg.norm(
                direction
            ) * radius * random.uniform(1.6, 2.1)
        else:
            center = random.uniform(-0.3 * radius, size + 0.3 * radius)
        axes = radius * random.uniform(0.75, 1.3, 3)
        turn = np.linalg.qr(random.normal(size=(3, 3)))[0]
        box, distance = _ellipsoid(center, axes, turn, anisotropy, random)
        inside = distance < 1
        if not inside.any() or (label[box][inside] > 0).mean() > ALLOWED_OVERLAP:
            continue
        centers.append(center)
        won = distance < nearest[box]
        nearest[box][won], label[box][won] = distance[won], len(centers)
    return label


def _ellipsoid(
    center: NDArray[np.float64],
    axes: NDArray[np.float64],
    turn: NDArray[np.float64],
    anisotropy: float,
    random: np.random.Generator,
) -> tuple[tuple[slice, ...], Volume]:
    """Its bounding box, and each voxel's distance from its center in units of its bumpy extent."""
    reach = 1.25 * axes.max()
    scale = np.array([anisotropy, 1.0, 1.0])
    low = np.maximum(0, np.floor((center - reach) / scale)).astype(int)
    high = np.clip(np.ceil((center + reach) / scale).astype(int) + 1, low, SHAPE)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    grid = (
        np.stack(
            np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high, strict=True)), indexing="ij"),
            -1,
        )
        * scale
        - center
    )
    distance = np.linalg.norm(grid @ turn / axes, axis=-1)
    if distance.size:
        bumps = _smooth_noise(distance.shape, random, (4 / anisotropy, 4.0, 4.0))
        distance = distance * (1 + random.uniform(0, 0.08) * bumps)
    return box, distance.astype(np.float32)


def _textured(label: Labels, random: np.random.Generator, anisotropy: float) -> Volume:
    """The light: a brightness per nucleus, coarse and fine chromatin, dark nucleoli."""
    brightness = np.exp(random.normal(0, random.uniform(0.1, 0.45), label.max() + 1))
    brightness[0] = 0
    light = brightness[label].astype(np.float32)
    for width, strength in ((3.0, random.uniform(0, 0.25)), (1.2, random.uniform(0, 0.3))):
        light *= np.clip(
            1 + strength * _smooth_noise(label.shape, random, (width / anisotropy, width, width)),
            0.1,
            None,
        )
    if random.random() < 0.5:
        spots = _smooth_noise(label.shape, random, (2 / anisotropy, 2.0, 2.0)) > 1.6
        light[spots] *= random.uniform(0.3, 0.8)
    return np.asarray(light, np.float32)


def _photograph(
    light: Volume, random: np.random.Generator, anisotropy: float
) -> NDArray[np.uint16]:
    lateral = random.uniform(0.4, 1.0)
    blur = (lateral * random.uniform(1.5, 2.5) / anisotropy, lateral, lateral)
    seen = ndimage.gaussian_filter(light, blur)
    haze = ndimage.gaussian_filter(light, (5 / anisotropy, 6, 6))
    seen = seen + random.uniform(0, 0.4) * haze + random.uniform(0.02, 0.15)
    seen = (
        seen
        * np.exp(-random.uniform(0, 0.02) * np.arange(SHAPE[0], dtype=np.float32))[:, None, None]
    )
    photons = np.exp(random.uniform(np.log(20), np.log(300)))
    counted = random.poisson(np.maximum(seen, 0) * photons) / photons + random.normal(
        0, random.uniform(0, 0.03), SHAPE
    )
    return np.asarray(np.clip(np.rint(100 + 2000 * counted), 0, 65535), np.uint16)


def _smooth_noise(
    shape: tuple[int, ...], random: np.random.Generator, width: tuple[float, float, float]
) -> Volume:
    """Normal noise of unit variance, correlated over `width` px."""
    noise = ndimage.gaussian_filter(random.normal(size=shape).astype(np.float32), width)
    return np.asarray(noise / (noise.std() + 1e-6), np.float32)
