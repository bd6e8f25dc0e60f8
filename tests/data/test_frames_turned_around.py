"""A data frame turned around or thinned out is read as it stands."""

import numpy as np
import pandas as pd
import pytest

from seatrial.data.predictions import open_source


@pytest.mark.parametrize("turned", [slice(None, None, -1), slice(None, None, 2), slice(5, 1, -1)])
@pytest.mark.parametrize("index", [None, "abcdefghij"])
def test_views_are_read(turned: slice, index: str | None) -> None:
    frame = pd.DataFrame({"id": range(10), "x": np.arange(10.0)}, index=None if index is None else list(index))
    view = frame.iloc[turned]
    source, _ = open_source(view)
    engine = source.own_engine
    assert engine.rows(f"SELECT c0, c1 FROM {source.scan(engine, [0, 1])}") == list(
        view.itertuples(index=False, name=None)
    )
