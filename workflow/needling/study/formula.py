"""Formulas of the study file: a closed grammar, so that a formula can name columns and do sums, and nothing else.

    formula   [ response ~ ] terms                     the response is one column
    terms     sums of products of terms: + - * / : ^ ( ), columns, the numbers 0 and 1, functions
    function  log sqrt exp center scale poly bs ns cr C
    argument  + - * / ( ), numbers, columns, log sqrt exp center scale; then, for poly, bs, ns and cr, their settings

What a formula means is another matter, and that of the library which the engine gives it to; that library would run any
Python in it. Therefore a formula is read here first, and refused where it is anything else.
"""

import keyword
import re
from collections.abc import Collection
from dataclasses import dataclass, field

from needling.study.keys import nearest

ARITHMETIC = ("log", "sqrt", "exp", "center", "scale")
# functions with settings: by place after the argument, or by name; each a whole number from 1
SETTINGS = {"poly": ("degree",), "bs": ("df", "degree"), "ns": ("df",), "cr": ("df",)}
FUNCTIONS = (*ARITHMETIC, *SETTINGS, "C")
LONGEST = 1000  # characters
MOST_TERMS = 200  # of a formula written out: a * b * c ... doubles with each factor
HIGHEST = 20  # setting: the degrees of freedom of a curve

_TOKEN = re.compile(r" *(?:((?:0|[1-9][0-9]*)(?:\.[0-9]+)?)|([A-Za-z][A-Za-z0-9_]*)|([-+*/:^(),=~])|([^ ]))")


@dataclass(frozen=True)
class Formula:
    """A formula that was read: its text, the column on its left (empty if none) and those on its right, as they come first."""

    text: str
    response: str
    columns: tuple[str, ...]


def read_formula(text: str) -> Formula:
    """Read a formula of the study file, or refuse it.

    Parameters
    ----------
    text : e.g. 'pain_before ~ arm * bs(day, df=3) + age', or the right-hand side alone.

    Returns
    -------
    The formula with the names of the columns that it uses. Nothing is evaluated, and no column is looked up.

    Raises
    ------
    ValueError : one sentence that says what the formula holds and may not, and where.

    Example
    -------
    >>> read_formula("pain ~ arm * log(age)").columns
    ('arm', 'age')
    """
    if len(text) > LONGEST:
        raise ValueError(f"a formula has at most {LONGEST} characters, and this one has {len(text)}")
    return _Reader(text, _tokens(text)).formula()


def _tokens(text: str) -> list[tuple[str, int]]:
    found = []
    for match in _TOKEN.finditer(text):
        number, name, sign, other = match.groups()
        start = match.end() - len(match.group().lstrip(" "))
        if other:
            raise ValueError(
                f"the formula holds {other!r} at character {start + 1}; it may hold column names, numbers, + - * / : ^ ( ) and "
                f"the functions {', '.join(FUNCTIONS)}"
            )
        found.append((number or name or sign, start))
    return found


@dataclass
class _Reader:
    """Reads tokens from left to right; each method takes what it knows and gives the number of terms written out."""

    text: str
    tokens: list[tuple[str, int]]
    place: int = 0
    depth: int = 0
    columns: dict[str, None] = field(default_factory=dict)

    def formula(self) -> Formula:
        response = ""
        if "~" in [token for token, _ in self.tokens]:
            response = self.next
            if not self.is_column(response) or len(self.tokens) < 2 or self.tokens[1][0] != "~":
                raise ValueError("left of ~ a formula has the name of one column, and nothing else")
            self.place = 2
        self.terms()
        if self.next:
            raise self.unexpected("an operator such as + or *")
        return Formula(self.text, response, tuple(self.columns))

    @property
    def next(self) -> str:
        return self.tokens[self.place][0] if self.place < len(self.tokens) else ""

    @staticmethod
    def is_column(token: str) -> bool:
        return token[:1].isalpha() and token not in FUNCTIONS and not keyword.iskeyword(token)

    def unexpected(self, wanted: str) -> ValueError:
        if not self.next:
            return ValueError(f"the formula ends where {wanted} should come")
        return ValueError(
            f"the formula has '{self.next}' at character {self.tokens[self.place][1] + 1} where {wanted} should come"
        )

    def take(self, wanted: str) -> None:
        if self.next != wanted:
            raise self.unexpected(f"'{wanted}'")
        self.place += 1

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > 20:
            raise ValueError("the formula has brackets within brackets, more than 20 deep")

    # ------------------------------------------------------------ terms: what stands outside functions

    def terms(self) -> int:
        """Terms joined by + and -, a sign before the first one allowed."""
        if self.next in {"+", "-"}:
            self.place += 1
        n = self.product()
        while self.next in {"+", "-"}:
            self.place += 1
            n = self.few(n + self.product())
        return n

    def product(self) -> int:
        n = self.power()
        while self.next in {"*", "/", ":"}:
            sign = self.next
            self.place += 1
            m = self.power()
            n = self.few({"*": n * m + n + m, "/": n + n * m, ":": n * m}[sign])
        return n

    def power(self) -> int:
        n = self.term()
        if self.next == "^":
            self.place += 1
            if self.next not in {"2", "3", "4"}:
                raise self.unexpected("2, 3 or 4 (interactions of so many factors)")
            n = self.few((n + 1) ** int(self.next) - 1)
            self.place += 1
        return n

    def term(self) -> int:
        token = self.next
        if token == "(":
            self.deeper()
            self.place += 1
            n = self.terms()
            self.take(")")
            self.depth -= 1
            return n
        if token in {"0", "1"}:
            self.place += 1
            return 1
        if token[:1].isdigit():
            raise ValueError(f"outside a function a formula has no numbers but 0 and 1 (no intercept), and not {token}")
        return self.column_or_function("a column, a function or a bracket", FUNCTIONS)

    def few(self, n: int) -> int:
        if n > MOST_TERMS:
            raise ValueError(f"the formula has more than {MOST_TERMS} terms when written out")
        return n

    # ------------------------------------------------------------ columns and functions

    def column_or_function(self, wanted: str, allowed: tuple[str, ...]) -> int:
        token = self.next
        follows = self.tokens[self.place + 1][0] if self.place + 1 < len(self.tokens) else ""
        if follows == "(" and token[:1].isalpha():
            if token not in allowed:
                here = "" if token not in FUNCTIONS else " within another function"
                raise ValueError(f"the formula uses '{token}'{here} as a function; it may use {', '.join(allowed)}")
            self.place += 1
            self.function(token)
        elif self.is_column(token):
            self.columns[token] = None
            self.place += 1
        else:
            raise self.unexpected(wanted)
        return 1

    def function(self, name: str) -> None:
        self.deeper()
        self.take("(")
        if name == "C":
            if not self.is_column(self.next):
                raise self.unexpected("the column that C takes as a category")
            self.columns[self.next] = None
            self.place += 1
        else:
            self.sum()
        if name in SETTINGS:
            self.settings(SETTINGS[name])
        self.take(")")
        self.depth -= 1

    def settings(self, names: tuple[str, ...]) -> None:
        given: set[str] = set()
        while self.next == ",":
            self.place += 1
            name = names[min(len(given), len(names) - 1)]
            if self.next[:1].isalpha():
                name = self.next
                if name not in names:
                    raise self.unexpected(f"{' or '.join(names)} = a number")
                self.place += 1
                self.take("=")
            if name in given:
                raise ValueError(f"the formula gives '{name}' twice in one function")
            given.add(name)
            if not self.next.isdecimal() or not 1 <= int(self.next) <= HIGHEST:
                raise self.unexpected(f"a whole number from 1 to {HIGHEST}")
            self.place += 1

    # ------------------------------------------------------------ arithmetic: what stands within functions

    def sum(self) -> None:
        self.factors()
        while self.next in {"+", "-"}:
            self.place += 1
            self.factors()

    def factors(self) -> None:
        self.factor()
        while self.next in {"*", "/"}:
            self.place += 1
            self.factor()

    def factor(self) -> None:
        if self.next == "-":
            self.place += 1
        if self.next == "(":
            self.deeper()
            self.place += 1
            self.sum()
            self.take(")")
            self.depth -= 1
        elif self.next[:1].isdigit():
            self.place += 1
        else:
            self.column_or_function("a column, a number or a bracket", ARITHMETIC)


def check_columns(formula: Formula, known: Collection[str], where: str) -> None:
    """Refuse a formula that names a column which is not there.

    Raises
    ------
    ValueError : the column, where it should stand, and the nearest name.
    """
    for name in filter(None, [formula.response, *formula.columns]):
        if name not in known:
            raise ValueError(f"{where} uses the column '{name}', which is not there{nearest(name, known)}")
