"""Small logs that the pages on A/A tests, shadow scores, bandits, interleaving, switchbacks and holdbacks speak of."""

import numpy as np
import pandas as pd


def log_tables() -> dict[str, pd.DataFrame]:
    """File name (without `.csv`) to table."""
    return {
        "history": _history(),
        "requests": _requests(),
        "choices": _choices(),
        "searches": _searches(),
        "orders": _orders(),
        "holdback": _holdback(),
    }


def _history() -> pd.DataFrame:
    """Sessions of 400 users, whose spending is theirs; one user spends as much as all others."""
    rng = np.random.default_rng(1)
    user = np.repeat(np.arange(400), rng.integers(1, 9, 400))
    level = rng.gamma(4, 5, 400)
    spend = (level[user] * rng.gamma(8, 1 / 8, len(user))).round(2)
    refunds = np.where(user == 7, 5_000.0, rng.exponential(3, len(user))).round(2)
    return pd.DataFrame({"user": user, "spend": spend, "refunds": refunds, "orders": rng.integers(1, 4, len(user)),
                         "complained": (rng.random(len(user)) < 0.002).astype(int)})  # fmt: skip


def _requests() -> pd.DataFrame:
    """Ninety days of card payments that two models scored; fraud becomes known within weeks."""
    rng = np.random.default_rng(2)
    n = 12_000
    fraud = rng.random(n) < 0.06
    seen = rng.normal(size=n) + 2.4 * fraud
    time = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.sort(rng.random(n)) * 90, unit="D")
    labelled = time + pd.to_timedelta(np.minimum(rng.exponential(8, n), 29), unit="D")
    known = labelled <= time.max()
    return pd.DataFrame(
        {
            "id": [f"p{i}" for i in range(n)],
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "score_a": (seen + 0.5 * rng.normal(size=n)).round(4),
            "score_b": (seen + 0.3 * fraud + 0.5 * rng.normal(size=n)).round(4),
            "fraud": np.where(known, fraud.astype(float), np.nan),
            "label_time": np.where(known, labelled.strftime("%Y-%m-%dT%H:%M:%SZ"), None),
            "amount": rng.lognormal(4, 1, n).round(2),
            "ms_a": rng.gamma(3, 10, n).round(2),
            "ms_b": rng.gamma(3, 9, n).round(2),
        }
    )


def _choices() -> pd.DataFrame:
    """Ten days of a bandit over three banners: what looked best yesterday gets 80 % today."""
    rng = np.random.default_rng(3)
    means, chance = np.array([0.10, 0.14, 0.11]), np.full(3, 1 / 3)
    wins, plays, parts = np.zeros(3), np.zeros(3), []
    for day in range(10):
        arm = rng.choice(3, 600, p=chance)
        click = (rng.random(600) < means[arm]).astype(int)
        banner = np.array(["plain", "photo", "price"])[arm]
        parts.append(pd.DataFrame({"day": day + 1, "banner": banner, "click": click, "p": chance[arm].round(6)}))
        wins += np.bincount(arm, click, 3)
        plays += np.bincount(arm, minlength=3)
        chance = np.full(3, 0.1)
        chance[np.argmax(wins / plays)] = 0.8
    return pd.concat(parts, ignore_index=True)


def _searches() -> pd.DataFrame:
    """Searches with interleaved lists: which ranking's items were clicked more."""
    rng = np.random.default_rng(4)
    n = 2_500
    clicks = rng.poisson(0.9, n)
    new = rng.binomial(clicks, 0.55)
    winner = np.select([clicks == 0, new * 2 > clicks, new * 2 < clicks], [None, "new", "old"], "tie")
    user = rng.integers(0, 400, n)
    return pd.DataFrame(
        {"query": range(n), "user": user, "winner": winner, "clicks_old": clicks - new, "clicks_new": new}
    )


def _orders() -> pd.DataFrame:
    """Two weeks of a delivery market, switched by a coin every four hours."""
    rng = np.random.default_rng(5)
    hours = 14 * 24
    arm = np.repeat(rng.integers(0, 2, hours // 4), 4)
    level = np.zeros(hours)
    for hour in range(1, hours):
        level[hour] = 0.7 * level[hour - 1] + 0.6 * rng.normal()
    at = np.repeat(np.arange(hours), 10)
    minutes = (30 + level[at] - 2.0 * arm[at] + 4 * rng.normal(size=len(at))).round(2)
    return pd.DataFrame(
        {"day": at // 24, "hour": at, "arm": np.array(["control", "batching"])[arm[at]], "minutes": minutes}
    )


def _holdback() -> pd.DataFrame:
    """A tenth of the users got none of a quarter's launches."""
    rng = np.random.default_rng(6)
    n = 8_000
    held = rng.random(n) < 0.1
    return pd.DataFrame({"user": range(n), "arm": np.where(held, "holdback", "launched"),
                         "revenue": (rng.gamma(2, 10, n) * np.where(held, 1.0, 1.08)).round(2)})  # fmt: skip
