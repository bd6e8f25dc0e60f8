"""One way to write a value: dates as year-month-day, amounts as plain numbers, words in small letters."""

import re
import unicodedata
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAME = r"(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
_NAME += r"|nov(?:ember)?|dec(?:ember)?)\.?"
_TIME = r"(?:[\sT,]+\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s*(?:[ap]\.?m\.?)?\s*(?:z|[+-]\d{2}:?\d{2})?)?"
_YEAR_FIRST = re.compile(rf"(\d{{4}})([-/.])(\d{{1,2}})\2(\d{{1,2}}){_TIME}", re.IGNORECASE)
_YEAR_LAST = re.compile(rf"(\d{{1,2}})([-/.])(\d{{1,2}})\2(\d{{4}}|\d{{2}}){_TIME}", re.IGNORECASE)
_DAY_NAMED = re.compile(
    rf"(\d{{1,2}})(?:st|nd|rd|th)?[\s\-/.]*{_NAME}[\s\-/.,]*(\d{{4}}|\d{{2}}){_TIME}", re.IGNORECASE
)
_MONTH_NAMED = re.compile(rf"{_NAME}[\s\-/.]*(\d{{1,2}})(?:st|nd|rd|th)?[\s\-/.,]+(\d{{4}}){_TIME}", re.IGNORECASE)
_CURRENCY = r"(?:usd|eur|gbp|jpy|cny|inr|myr|sgd|aud|cad|chf|rm|us\$|s\$|[$€£¥₹])"
_AMOUNT = re.compile(
    rf"(?P<open>\()?\s*(?P<sign>[-+−])?\s*{_CURRENCY}?\s*(?P<sign2>[-−])?\s*(?P<digits>\d[\d.,'\s]*)\s*{_CURRENCY}?"
    r"\s*(?P<after>-)?(?P<close>\))?",
    re.IGNORECASE,
)
_GROUPED = re.compile(
    r"\d{1,3}(?:[,'\s]\d{3})+(?:\.\d+)?|\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}|\d+(?:[.,]\d+)?"
)
_CENTURY = 69
"""Two digits of a year below this are of the years 2000 on, as POSIX has it."""


@lru_cache(maxsize=100_000)
def canonical(text: str) -> str:
    """A value in its normal form, so that two ways to write the same date, amount or words are equal.

    A date is day first where it can be (`25/12/2018`, `01/02/2019` is the first of February), month first only where
    day first is none (`12/25/2018`); a time behind it is dropped. A comma before exactly three digits groups thousands,
    else it is a decimal comma; a currency is dropped. Of other text, case, accents, punctuation and the number of
    spaces do not count. Whole numbers with leading zeros are codes and stay text.

    >>> [canonical(text) for text in ("25/12/2018", "2018-12-25", "Dec 25, 2018", "12.50", "12,50", "$ 12.5")]
    ['2018-12-25', '2018-12-25', '2018-12-25', '12.5', '12.5', '12.5']
    >>> canonical("  ACME Sdn. Bhd. "), canonical("007")
    ('acme sdn bhd', '007')
    """
    plain = " ".join(unicodedata.normalize("NFKC", text).split())
    return _date(plain) or _amount(plain) or _words(plain)


def _date(text: str) -> str | None:
    if found := _YEAR_FIRST.fullmatch(text):
        return _day(found[1], found[3], found[4])
    if found := _YEAR_LAST.fullmatch(text):
        return _day(found[4], found[3], found[1]) or _day(found[4], found[1], found[3])
    if found := _DAY_NAMED.fullmatch(text):
        return _day(found[3], _month(found[2]), found[1])
    if found := _MONTH_NAMED.fullmatch(text):
        return _day(found[3], _month(found[1]), found[2])
    return None


def _month(name: str) -> str:
    return str(_MONTHS.index(name[:3].casefold()) + 1)


def _day(year: str, month: str, day: str) -> str | None:
    number = int(year)
    if len(year) == 2:
        number += 2000 if number < _CENTURY else 1900
    try:
        return date(number, int(month), int(day)).isoformat()
    except ValueError:
        return None


def _amount(text: str) -> str | None:
    found = _AMOUNT.fullmatch(text)
    if found is None or bool(found["open"]) != bool(found["close"]):
        return None
    digits = found["digits"].strip()
    if not _GROUPED.fullmatch(digits) or (digits.isdigit() and digits.startswith("0") and len(digits) > 1):
        return None
    try:
        amount = Decimal(_point(digits))
    except InvalidOperation:
        return None
    negative = bool(found["open"] or found["after"] or found["sign2"] or found["sign"] in ("-", "−"))
    plain = format(amount.normalize(), "f")
    return f"-{plain}" if negative and amount else plain


def _point(digits: str) -> str:
    """Digits with a decimal point and nothing else between them."""
    bare = re.sub(r"['\s]", "", digits)
    if "," in bare and "." in bare:
        grouping = "," if bare.rindex(".") > bare.rindex(",") else "."
        return bare.replace(grouping, "").replace(",", ".")
    if bare.count(".") > 1:
        return bare.replace(".", "")
    if "," in bare and (bare.count(",") > 1 or len(bare) - bare.rindex(",") == 4):
        return bare.replace(",", "")
    return bare.replace(",", ".")


def _words(text: str) -> str:
    letters = (one for one in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(one))
    return " ".join("".join(one if one.isalnum() else " " for one in letters).split())
