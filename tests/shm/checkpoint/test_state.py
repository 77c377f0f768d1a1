"""The state of training as bytes: what comes back, and what is refused."""

import json
import math
import random
from collections import OrderedDict
from enum import StrEnum
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save
from torch import Tensor, nn

from shm.checkpoint.pointer import CheckpointError
from shm.checkpoint.state import decode_state, encode_state

DTYPES = (
    torch.bool,
    torch.uint8,
    torch.int64,
    torch.float16,
    torch.bfloat16,
    torch.float32,
    torch.float64,
)


def round_trip(value: Any) -> Any:
    belongs, state = decode_state(encode_state("digest", {"value": value}))
    assert belongs == "digest"
    return state["value"]


def assert_same(found: Any, given: Any) -> None:
    """Compare to the bit, with the types and the order of keys."""
    assert type(found) is type(given)
    if isinstance(given, Tensor):
        assert (found.dtype, found.shape, found.stride()) == (
            given.dtype,
            given.shape,
            given.stride(),
        )
        bits = [each.contiguous().reshape(-1).view(torch.uint8) for each in (found, given)]
        assert torch.equal(*bits)
    elif isinstance(given, dict):
        assert [*found] == [*given]
        assert [type(key) for key in found] == [type(key) for key in given]
        for key, each in given.items():
            assert_same(found[key], each)
    elif isinstance(given, list | tuple):
        assert len(found) == len(given)
        for here, there in zip(found, given, strict=True):
            assert_same(here, there)
    elif isinstance(given, float):
        assert found.hex() == given.hex()
    else:
        assert found == given


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(PLAIN)
def test_any_plain_value_comes_back_as_it_was(value: Any) -> None:
    assert_same(round_trip(value), value)
    assert encode_state("", {"value": value}) == encode_state("", {"value": value})


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 0, 2), (2, 3, 4, 5)], ids=str)
def test_any_tensor_comes_back_to_the_bit(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    torch.manual_seed(1)
    tensor = (torch.randn(shape) * 9).to(dtype)
    assert_same(round_trip(tensor), tensor)


def test_not_a_number_keeps_its_bits_in_a_tensor() -> None:
    odd = torch.tensor([0x7FC12345, 0x7F800000, -0x80000000, 1], dtype=torch.int64)
    floats = odd.to(torch.int32).view(torch.float32)
    assert_same(round_trip(floats), floats)


def test_a_tensors_strides_come_back() -> None:
    photos = torch.randn(2, 3, 4, 5)
    for tensor in (photos.to(memory_format=torch.channels_last), photos[0, 0].t()):
        assert not tensor.is_contiguous()
        assert_same(round_trip(tensor), tensor)
    part = photos[:, 1:, ::2]  # lies in a larger one: only its own numbers are kept
    assert torch.equal(round_trip(part), part)


def test_tensors_that_share_memory_come_back_apart() -> None:
    whole = torch.arange(6.0)
    found = round_trip([whole, whole, whole[2:4], nn.Parameter(whole)])
    assert [each.tolist() for each in found] == [[0, 1, 2, 3, 4, 5]] * 2 + [[2, 3]] + [
        [0, 1, 2, 3, 4, 5]
    ]
    found[0].zero_()
    assert found[1].any()


def test_random_generators_go_on_as_if_nothing_had_happened() -> None:
    own, numpy, torchs = random.Random(3), np.random.default_rng(3), torch.Generator()
    own.gauss(0, 1)
    states = [own.getstate(), numpy.bit_generator.state, torchs.get_state()]
    drawn = [own.random(), numpy.random(), torch.rand((), generator=torchs).item()]
    kept = round_trip(states)
    own.setstate(kept[0])
    numpy.bit_generator.state = kept[1]
    torchs.set_state(kept[2])
    assert drawn == [own.random(), numpy.random(), torch.rand((), generator=torchs).item()]


def test_an_ordered_dict_comes_back_as_a_dict() -> None:
    assert_same(round_trip(OrderedDict(b=1, a=2)), {"b": 1, "a": 2})


class Kind(StrEnum):
    SOME = "some"


def endless() -> dict[str, Any]:
    around: dict[str, Any] = {}
    around["again"] = around
    return around


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (object(), r"state\['value'\] is of type builtins\.object"),
        ([1, {3: {1, 2}}], r"state\['value'\]\[1\]\[3\] is of type builtins\.set"),
        (np.float64(1), r"numpy\.float64"),
        (np.zeros(2), r"numpy\.ndarray"),
        (Kind.SOME, r"test_state\.Kind"),
        (b"bytes", r"builtins\.bytes"),
        ({True: 1}, "the key True"),
        ({(1, 2): 1}, r"the key \(1, 2\)"),
        (torch.eye(2).to_sparse(), r"state\['value'\] is a tensor of layout torch\.sparse"),
        (torch.empty(2, device="meta"), "can't be written"),
        (endless(), "holds itself"),
        ([10**5000], "can't be written"),
    ],
)
def test_what_would_come_back_as_less_than_it_was_is_refused_in_one_line(
    value: Any, message: str
) -> None:
    with pytest.raises(CheckpointError, match=message) as refusal:
        encode_state("", {"value": value})
    assert "\n" not in str(refusal.value)


def crafted(state: Any, **about: Any) -> bytes:
    text = json.dumps({"format": 3, "weights": "", "state": state} | about)
    return save({"0": torch.zeros(2, 3)}, {"shm-state": text})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "damaged"),
        (b"\x80\x02cos\nsystem\n(S'touch pwned'\ntR.", "a pickle, which could run code"),
        (b"PK\x03\x04", "a pickle, which could run code"),
        (b"\xff" * 100, "damaged"),
        (save({"0": torch.zeros(1)}), "damaged"),
        (save({"0": torch.zeros(1)}, {"shm-state": "["}), "damaged"),
        (save({"0": torch.zeros(1)}, {"shm-state": "[" * 100_000}), "damaged"),
        (crafted({"dict": []}, format=4), "of format 4, and this version"),
        (crafted({"dict": []}, weights=4), "no state of training"),
        (crafted([]), "no state of training"),
        (crafted({"call": ["os.system", "touch pwned"]}), r"damaged \(an object of call\)"),
        (crafted({"dict": [], "more": 1}), r"an object of dict, more"),
        (crafted({}), "an object of nothing"),
        (crafted({"dict": [["a"]]}), "damaged"),
        (crafted({"dict": 3}), "damaged"),
        (crafted({"dict": [[None, 1]]}), "the key None"),
        (crafted({"dict": [["a", {"tensor": "1"}]]}), "damaged"),
        (crafted({"dict": [["a", {"tensor": []}]]}), "damaged"),
        (crafted({"dict": [["a", {"tensor": "0", "order": [0, 0]}]]}), "damaged"),
        (crafted({"dict": [["a", {"tensor": "0", "order": "10"}]]}), "damaged"),
        (crafted({"dict": [["a", {"float": "1e999"}]]}), "damaged"),
    ],
)
def test_bytes_that_were_never_written_are_refused_in_one_line(
    content: bytes, message: str
) -> None:
    with pytest.raises(CheckpointError, match=message) as refusal:
        decode_state(content)
    assert "\n" not in str(refusal.value)


def test_every_cut_and_every_flipped_byte_gives_a_state_or_an_error_in_one_line() -> None:
    whole = encode_state("digest", {"a": (1, torch.arange(3.0)), "b": {0: math.inf}})
    messages = []
    for place in range(len(whole)):
        flipped = whole[:place] + bytes([whole[place] ^ 9]) + whole[place + 1 :]
        for content in (whole[:place], flipped):
            try:
                decode_state(content)
            except CheckpointError as error:
                messages.append(str(error))
    assert len(messages) > len(whole)  # every cut, and of the flips those in the structure
    assert not any("\n" in message for message in messages)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.0, 1.0, 5e-324, 2**70, True])
def test_numbers_keep_their_kind_and_every_digit(value: float) -> None:
    assert_same(round_trip(value), value)
