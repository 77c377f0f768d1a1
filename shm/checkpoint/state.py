"""The state of training as bytes that can't run code: tensors as safetensors, the rest as JSON.

JSON keeps the structure in the one entry of the file's metadata. What JSON has itself stands as it
is: None, booleans, strings, whole and finite numbers (digit by digit: 1 and 1.0 stay apart) and
lists. What it lacks is an object with one key that says what it is::

    {"dict": [[key, value], ...]}       keys are strings or whole numbers, in their order
    {"tuple": [value, ...]}
    {"float": "nan"}                    and "inf", "-inf"
    {"tensor": "0"}                     the name of a tensor in the file
    {"tensor": "0", "order": [0, 2, 3, 1]}   which the file holds with its axes in this order
"""

import json
import math
from collections import OrderedDict
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from shm.checkpoint.pointer import CheckpointError, brief

FORMAT = 3
"""Of the file; 1 and 2 were pickles."""

SUFFIX = ".state.safetensors"

_ENTRY = "shm-state"
_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_PICKLED = (b"PK", b"\x80")
_DAMAGED = (SafetensorError, RuntimeError, LookupError, TypeError, ValueError, AttributeError)


class StateError(CheckpointError):
    """A state holds what can't be written, or its file holds what was never written."""


def encode_state(weights: str, state: dict[str, Any]) -> bytes:
    """Return the content of a file of state; equal states give equal bytes.

    Parameters
    ----------
    weights : str
        SHA-256 of the weights that it belongs to.
    state : dict
        Of dicts (with keys that are strings or whole numbers), lists, tuples, None, booleans,
        numbers, strings and tensors of any number of dimensions. An ``OrderedDict`` comes back as a
        dict, a parameter as a tensor, and one tensor in two places as two.

    Raises
    ------
    StateError
        It holds anything else; the message says what and where.
    """
    tensors: dict[str, Tensor] = {}
    try:
        plain = _plain(state, "state", tensors)
        about = json.dumps({"format": FORMAT, "weights": weights, "state": plain}, allow_nan=False)
        # The library refuses tensors that share their memory.
        own = {name: tensor.clone() for name, tensor in tensors.items()}
        content: bytes = safetensors.torch.save(own, {_ENTRY: about})
    except StateError:
        raise
    except RecursionError as error:
        raise StateError("the state of training is nested too deeply, or holds itself") from error
    except (SafetensorError, RuntimeError, ValueError, KeyError) as error:
        raise StateError(f"the state of training can't be written ({brief(error)})") from error
    return content


def decode_state(content: bytes) -> tuple[str, dict[str, Any]]:
    """Return which weights a state belongs to, and the state; its tensors are on the processor.

    Raises
    ------
    StateError
        The bytes are not a whole state of this format. None is ever run, whatever they are.
    """
    try:
        tensors = safetensors.torch.load(content)
        about = json.loads(_metadata(content)[_ENTRY])
        written = about["format"]
        if written == FORMAT:
            belongs, state = about["weights"], _value(about["state"], tensors)
    except StateError:
        raise
    except _DAMAGED as error:
        if content.startswith(_PICKLED):
            pickled = "a pickle, which could run code when loaded: only safetensors are"
            raise StateError(pickled) from error
        raise StateError(f"damaged ({brief(error)})") from error
    if written != FORMAT:
        raise StateError(
            f"of format {written}, and this version of shm reads format {FORMAT}: use the version "
            "that wrote it"
        )
    if type(belongs) is not str or type(state) is not dict:
        raise StateError("damaged (it is no state of training)")
    return belongs, state


def _metadata(content: bytes) -> dict[str, str]:
    """Return what a file's header says beside its tensors; `safetensors.torch.load` checked it."""
    size = int.from_bytes(content[:8], "little")
    found: dict[str, str] = json.loads(content[8 : 8 + size]).get("__metadata__", {})
    return found


def _plain(value: Any, place: str, tensors: dict[str, Tensor]) -> Any:  # noqa: ANN401
    """Return a value as JSON has it; put its tensors aside."""
    # Of exactly these types: what inherits from them (an enum, a NumPy number) would come back as
    # less than it was.
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"float": str(value)}
    if type(value) is list:
        return _plain_items(value, place, tensors)
    if type(value) is tuple:
        return {"tuple": _plain_items(value, place, tensors)}
    if type(value) in (dict, OrderedDict):
        return {"dict": _plain_entries(value, place, tensors)}
    if isinstance(value, Tensor):
        return _plain_tensor(value, place, tensors)
    raise StateError(
        f"{place} is of type {type(value).__module__}.{type(value).__qualname__}, and a state of "
        "training holds tensors and plain values only"
    )


def _plain_items(value: Any, place: str, tensors: dict[str, Tensor]) -> list[Any]:  # noqa: ANN401
    return [_plain(each, f"{place}[{i}]", tensors) for i, each in enumerate(value)]


def _plain_entries(value: Any, place: str, tensors: dict[str, Tensor]) -> list[Any]:  # noqa: ANN401
    for key in value:
        if type(key) not in (str, int):
            raise StateError(f"{place} has the key {key!r}, which is neither a string nor a number")
    return [[key, _plain(each, f"{place}[{key!r}]", tensors)] for key, each in value.items()]


def _plain_tensor(value: Tensor, place: str, tensors: dict[str, Tensor]) -> dict[str, Any]:
    if value.layout != torch.strided:
        raise StateError(f"{place} is a tensor of layout {value.layout}: only dense ones are kept")
    name = str(len(tensors))
    found = value.detach().cpu()
    # A tensor whose channels lie last keeps them there: what a step computes with it goes through
    # memory in the same order, and rounds in the same way.
    order = sorted(range(found.ndim), key=found.stride, reverse=True)
    tidy = order == [*range(found.ndim)] or found.is_contiguous()
    if tidy or not found.permute(order).is_contiguous():
        tensors[name] = found.contiguous()
        return {"tensor": name}
    tensors[name] = found.permute(order)
    return {"tensor": name, "order": order}


def _value(plain: Any, tensors: dict[str, Tensor]) -> Any:  # noqa: ANN401
    """Return the value that `_plain` made this of."""
    if isinstance(plain, list):
        return [_value(each, tensors) for each in plain]
    if not isinstance(plain, dict):
        return plain
    match plain:
        case {"dict": entries, **rest} if not rest:
            return {_key(key): _value(each, tensors) for key, each in entries}
        case {"tuple": items, **rest} if not rest:
            return tuple(_value(each, tensors) for each in items)
        case {"float": written, **rest} if not rest:
            return _NOT_FINITE[written]
        case {"tensor": name, **rest} if not rest:
            return tensors[name]
        case {"tensor": name, "order": order, **rest} if not rest:
            stored = tensors[name]
            return stored.permute([order.index(axis) for axis in range(stored.ndim)])
    raise StateError(f"damaged (an object of {', '.join(sorted(plain)) or 'nothing'})")


def _key(key: object) -> str | int:
    if type(key) is str or type(key) is int:
        return key
    raise StateError(f"damaged (the key {key!r})")
