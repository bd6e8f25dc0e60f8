"""Logs of two models that scored the same requests."""

import numpy as np
import pandas as pd


def shadow_log(
    n: int = 20_000, *, seed: int = 0, gain: float = 0.0, rate: float = 0.05, noise: float = 0.5
) -> pd.DataFrame:
    """Ninety days of requests; fraud is labelled within 29 days of its request; `gain` is what the challenger sees."""
    rng = np.random.default_rng(seed)
    fraud = rng.random(n) < rate
    seen = rng.normal(size=n) + 2.2 * fraud
    time = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.sort(rng.random(n)) * 90, unit="D")
    labelled = time + pd.to_timedelta(np.minimum(rng.exponential(8, n), 29), unit="D")
    known = labelled <= time.max()
    return pd.DataFrame(
        {
            "id": [f"r{i}" for i in range(n)],
            "time": time.strftime("%Y-%m-%dT%H:%M:%S"),
            "champion": seen + noise * rng.normal(size=n),
            "challenger": seen + gain * fraud + noise * rng.normal(size=n),
            "fraud": np.where(known, fraud.astype(float), np.nan),
            "labelled": np.where(known, labelled.strftime("%Y-%m-%dT%H:%M:%S"), None),
            "amount": rng.lognormal(4, 1, n).round(2),
            "ms_champion": rng.gamma(3, 10, n).round(3),
            "ms_challenger": rng.gamma(3, 9, n).round(3),
        }
    )
