from pathlib import Path

import pytest
from upath import UPath

from shm.datasets.storage.errors import LocationError
from shm.datasets.storage.location import locate


@pytest.mark.parametrize("text", ["train.zarr", "/data/train.zarr", "../x y", "a:b", "~/s.zarr"])
def test_a_path_stays_a_path(text: str) -> None:
    assert locate(text) == Path(text)
    assert isinstance(locate(Path(text)), Path)


def test_a_file_url_is_a_path() -> None:
    assert locate("file:///data/x y/train.zarr") == Path("/data/x y/train.zarr")


@pytest.mark.parametrize(
    "text",
    [
        "s3://bucket/some/train.zarr",
        "https://example.org/a/train.zarr",
        "memory://a/train.zarr",
        "S3://bucket/some/train.zarr/",
    ],
)
def test_a_url_is_a_place_below_which_there_are_places(text: str) -> None:
    place = locate(text)
    assert isinstance(place, UPath)
    assert str(place).lower() == text.lower().rstrip("/")
    assert str(place / "images") == f"{place}/images"
    assert place.name == "train.zarr"
    assert locate(place) is place


def test_an_unknown_protocol_is_told_its_nearest() -> None:
    with pytest.raises(LocationError, match=r"s3x://b/k: unknown protocol 's3x'; did you mean s3"):
        locate("s3x://b/k")


def test_a_protocol_without_its_library_is_told_what_to_install() -> None:
    with pytest.raises(LocationError, match=r"not installed: pip install adlfs"):
        locate("az://bucket/train.zarr")


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/train.zarr?sig=hush",
        "https://hush@example.org/train.zarr",
        "s3://someone:hush@bucket/train.zarr",
        "https://example.org/train.zarr#hush",
    ],
)
def test_credentials_in_a_url_are_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(LocationError, match="give the bare URL") as caught:
        locate(text)
    assert "hush" not in str(caught.value)
    assert "train.zarr" in str(caught.value)


def test_a_chain_of_urls_is_refused() -> None:
    with pytest.raises(LocationError, match="chained"):
        locate("simplecache::s3://bucket/train.zarr")
