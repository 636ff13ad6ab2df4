r"""SL602 · the stored contract differs from the computed one.

The contract in the model's metadata differs from the one computed from the graph now: the graph was
changed, or a different analyzer or version wrote the contract. Programs that trust it will tile
wrongly.

Do: write it again with `shiftzoo export`.

Bad:

    <ir_version: 8, opset_import: ["": 17], metadata_props: ["shiftlint.contract": "{
      \"schema_version\": 1,
      \"model\": {\"opset\": {}, \"producer\": \"\",
        \"graph_sha256\": \"0000000000000000000000000000000000000000000000000000000000000000\"},
      \"input\": {\"name\": \"image\", \"shape\": [], \"dtype\": \"float32\", \"batch\": \"fixed\"},
      \"outputs\": []}"]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
    <float[1,1,3,3] w = {0, 1, 0, 1, 4, 1, 0, 1, 0}> {
      out = Conv(image, w)
    }

Good:

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
    <float[1,1,3,3] w = {0, 1, 0, 1, 4, 1, 0, 1, 0}> {
      out = Conv(image, w)
    }
"""

from __future__ import annotations

from collections.abc import Iterator

from shiftlint.rules.case import Case
from shiftlint.rules.finding import Finding, Level

CODE = "SL602"
LEVEL = Level.ERROR
TITLE = "the stored contract differs from the computed one"


def check(case: Case) -> Iterator[Finding]:
    """One finding if the two differ; it names the first field that differs."""
    stored = case.metadata.contract
    if stored is None or stored == case.contract:
        return
    old, new = _flat(stored.to_json()), _flat(case.contract.to_json())
    key = next((k for k in sorted(new) if old.get(k) != new[k]), "an output")
    yield Finding(
        CODE,
        LEVEL,
        f"stored contract ({key}): expected {new.get(key)}, computed from the graph, got "
        f"{old.get(key)}.",
        "Export the model again to store the contract of its graph.",
        fact=(("place", key), ("computed", new.get(key)), ("stored", old.get(key))),
    )


def _flat(value: object, path: str = "") -> dict[str, object]:
    """The leaves of a contract's JSON by path, without the explanatory reasons."""
    if isinstance(value, dict):
        return {
            k: v
            for key, item in value.items()
            if key != "reasons"
            for k, v in _flat(item, f"{path}.{key}".lstrip(".")).items()
        }
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return {
            k: v
            for index, item in enumerate(value)
            for k, v in _flat(item, f"{path}[{index}]").items()
        }
    return {path: value}
