"""Text to syntax, by Lark.

The rules keep the levels of AIP-160 (https://google.aip.dev/160): OR binds closer than AND, NOT closer than both. What
is left out has its place, too: `:` beside COMPARATOR, functions beside `restriction`. Neither can be read as anything
else, so no filter written today changes its meaning when they come.
"""

from functools import cache
from typing import cast

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedToken, v_args

from farview.core.errors import InvalidInput
from farview.core.filters.syntax import Conjunction, Disjunction, Expression, Negation, Restriction, Word, wrong
from farview.core.filters.tree import Op

MAX_LENGTH = 4096
"""Characters of a filter."""
MAX_DEPTH = 32
"""Parentheses inside parentheses."""
MAX_COMPARISONS = 64

_GRAMMAR = r"""
start: expression
expression: factor (AND factor)*
factor: term (OR term)*
?term: simple | NOT simple -> negation
?simple: restriction | composite
?composite: "(" expression ")"
restriction: WORD COMPARATOR value
value: WORD | STRING

AND.2: /AND(?![^\s()"'<>=!:,])/
OR.2: /OR(?![^\s()"'<>=!:,])/
NOT.2: /NOT(?![^\s()"'<>=!:,])/
COMPARATOR: "<=" | ">=" | "!=" | "=" | "<" | ">"
WORD: /[^\s()"'<>=!:,]+/
STRING: /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/s
%ignore /\s+/
"""
_WORDS = ("AND", "OR", "NOT")
_ESCAPES = {"\\": "\\", '"': '"', "'": "'", "n": "\n", "t": "\t", "r": "\r"}


def parse(text: str, path: str = "filter") -> Expression:
    """The syntax of a filter; blank text is the empty conjunction.

    Raises:
        InvalidInput: on `path`, "position N: ...", for anything that is not in the grammar or over its limits.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidInput.of(path, f"has {len(text):,} characters; at most {MAX_LENGTH:,}")
    for place, character in enumerate(text, start=1):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            raise wrong(path, place, f"character U+{ord(character):04X} cannot stand in a filter")
    if not text.strip():
        return Conjunction(())
    try:
        _check_tokens(list(_parser().lex(text)), path)
        return cast(Expression, _parser().parse(text))
    except UnexpectedCharacters as error:
        place = error.pos_in_stream or 0
        raise wrong(path, place + 1, _unreadable(text[place])) from None
    except UnexpectedToken as error:
        raise _unexpected(error, text, path) from None


@cache
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", lexer="basic", transformer=_Syntax(), propagate_positions=False)


@v_args(inline=True)
class _Syntax(Transformer):  # type: ignore[type-arg]
    """Runs while parsing, so nesting costs no recursion."""

    def start(self, expression: Expression) -> Expression:
        return expression

    def expression(self, *parts: Expression | Token) -> Expression:
        joined = _without_words(parts)
        return joined[0] if len(joined) == 1 else Conjunction(joined)

    def factor(self, *parts: Expression | Token) -> Expression:
        joined = _without_words(parts)
        return joined[0] if len(joined) == 1 else Disjunction(joined)

    def negation(self, _: Token, part: Expression) -> Expression:
        return Negation(part)

    def restriction(self, field: Token, comparator: Token, value: Word) -> Restriction:
        return Restriction(Word(str(field), _place(field), quoted=False), Op(str(comparator)), value)

    def value(self, token: Token) -> Word:
        if token.type == "STRING":
            return Word(_unescaped(token), _place(token), quoted=True)
        return Word(str(token), _place(token), quoted=False)


def _without_words(parts: tuple[Expression | Token, ...]) -> tuple[Expression, ...]:
    return tuple(part for part in parts if not isinstance(part, Token))


def _place(token: Token) -> int:
    return (token.start_pos or 0) + 1


def _unescaped(token: Token) -> str:
    characters = iter(token[1:-1])
    return "".join(_ESCAPES[next(characters)] if character == "\\" else character for character in characters)


def _check_tokens(tokens: list[Token], path: str) -> None:
    """Limits and escapes, before any tree is built."""
    depth = comparisons = 0
    for token in tokens:
        depth += (token.type == "LPAR") - (token.type == "RPAR")
        comparisons += token.type == "COMPARATOR"
        if depth > MAX_DEPTH:
            raise wrong(path, _place(token), f"parentheses nest deeper than {MAX_DEPTH}")
        if comparisons > MAX_COMPARISONS:
            raise wrong(path, _place(token), f"more than {MAX_COMPARISONS} comparisons")
        if token.type == "STRING":
            _check_escapes(token, path)


def _check_escapes(token: Token, path: str) -> None:
    place = 1
    while place < len(token) - 1:
        if token[place] != "\\":
            place += 1
            continue
        if token[place + 1] not in _ESCAPES:
            raise wrong(
                path, _place(token) + place, f"unknown escape \\{token[place + 1]}; known: \\\\ \\\" \\' \\n \\t \\r"
            )
        place += 2


def _unreadable(character: str) -> str:
    if character in "\"'":
        return f"the quote {character} opened here is never closed"
    if character == ":":
        return 'the operator ":" is not supported; use one of = != < <= > >='
    return f"unexpected {character!r}"


def _unexpected(error: UnexpectedToken, text: str, path: str) -> InvalidInput:
    token = error.token
    at_end = token.type == "$END"
    found = "the filter ends" if at_end else f"found {_short(str(token))}"
    if "COMPARATOR" in error.accepts | error.expected:
        wanted = "one of = != < <= > >= after the field"
    elif "STRING" in error.accepts | error.expected:
        wanted = "a value after the comparison"
        if token.type in _WORDS:
            found += f' (as a value, quote it: "{token}")'
    elif "WORD" in error.accepts | error.expected:
        wanted = "a field name" if token.type != "STRING" else "a field name (without quotes)"
    else:
        wanted = 'AND, OR or ")"' if at_end else "AND, OR or the end of the filter"
    return wrong(path, len(text.rstrip()) + 1 if at_end else _place(token), f"{found} where {wanted} should stand")


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
