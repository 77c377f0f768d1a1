from shm.pipeline.seed import digest, generator


def test_the_same_parts_give_the_same_numbers_for_ever() -> None:
    # Written down once: a change here changes every store that anybody made.
    assert digest(0, "composite", "a").hex()[:16] == "ddf394651994480b"
    assert generator(0, "composite", "a").integers(1000, size=3).tolist() == [436, 968, 834]


def test_parts_do_not_run_into_each_other() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert digest(1, 2) != digest(2, 1)
