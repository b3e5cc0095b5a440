import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mapwright.io.quiet import quiet
from mapwright.io.raster import read_raster


def test_a_category_is_quiet_inside_and_loud_again_after() -> None:
    before = list(warnings.filters)
    with quiet(UserWarning):
        warnings.warn("nothing", UserWarning, stacklevel=1)
        with pytest.raises(RuntimeWarning):
            warnings.warn("something", RuntimeWarning, stacklevel=1)
    assert warnings.filters == before
    with pytest.raises(UserWarning):
        warnings.warn("something", UserWarning, stacklevel=1)


def test_who_enters_second_stays_quiet_when_the_first_leaves() -> None:
    before = list(warnings.filters)
    one, other = quiet(UserWarning), quiet(RuntimeWarning)
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)
    warnings.warn("nothing", RuntimeWarning, stacklevel=1)
    other.__exit__(None, None, None)
    assert warnings.filters == before


def test_an_error_inside_leaves_nothing_behind() -> None:
    before = list(warnings.filters)
    with pytest.raises(KeyError), quiet(UserWarning), quiet(UserWarning):
        raise KeyError
    assert warnings.filters == before


def test_plain_pictures_read_by_many_threads_raise_no_warning(tmp_path: Path) -> None:
    before = list(warnings.filters)
    paths = [tmp_path / f"{number}.jpg" for number in range(3)]
    for number, path in enumerate(paths):
        Image.fromarray(np.full((40, 30, 3), 60 * number, np.uint8)).save(path)
    with ThreadPoolExecutor(4) as pool:
        means = list(pool.map(lambda path: read_raster(path).pixels.mean(), paths * 40))
    assert np.round(means).tolist() == [0, 60, 120] * 40
    assert warnings.filters == before
