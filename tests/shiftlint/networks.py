"""Small networks that several tests share, in ONNX's text syntax."""

from __future__ import annotations

from pathlib import Path

import onnx

WEIGHTS = (
    "<float[1,1,3,3] w = {0.3, 1, 0.5, 1, 4, 1, 0.2, 1, 0.7}, float[1,1,2,2] up = {1, 2, 3, 4}>"
)

VALID = f"""
<ir_version: 8, opset_import: ["": 17]>
g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
{WEIGHTS} {{
  pooled = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(image)
  deep = Conv(pooled, w)
  out = ConvTranspose<strides = [2, 2]>(deep, up)
}}
"""

PADDED_UNET = f"""
<ir_version: 8, opset_import: ["": 17]>
g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
{WEIGHTS} {{
  first = Conv<pads = [1, 1, 1, 1]>(image, w)
  skip = Relu(first)
  pooled = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(skip)
  deep = Conv<pads = [1, 1, 1, 1]>(pooled, w)
  high = ConvTranspose<strides = [2, 2]>(deep, up)
  out = Add(high, skip)
}}
"""

OFF_GRID = f"""
<ir_version: 8, opset_import: ["": 17]>
g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
{WEIGHTS} {{
  pooled = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(image)
  high = ConvTranspose<strides = [2, 2]>(pooled, up)
  out = Conv(high, w_odd)
}}
""".replace("up = {1, 2, 3, 4}", "up = {1, 2, 3, 4}, float[1,1,2,2] w_odd = {1, 2, 3, 5}")

INSTANCE_NORM = """
<ir_version: 8, opset_import: ["": 17]>
g (float[n,1,h,w] image) => (float[n,1,h,w] out)
<float[1] scale = {1}, float[1] b = {0}> {
  out = InstanceNormalization(image, scale, b)
}
"""


def save(text: str, path: Path) -> str:
    """Write a network; return its path as text."""
    path.write_bytes(onnx.parser.parse_model(text).SerializeToString())
    return str(path)
