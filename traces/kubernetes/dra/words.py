"""From the text of a selector (CEL) to a tree.

The grammar is that of the Common Expression Language (``google/cel-spec``, ``doc/langdef.md``),
less what selectors of devices do without: messages, maps, raw and byte strings, optional fields.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST_CHARACTERS = 10 * 1024
"""``CELSelectorExpressionMaxLength``."""

MOST_NESTED = 64

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.\d+(?:[eE][+-]?\d+)?|\d+)(?![\w.])"
    r"|(?P<text>\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<sign>\|\||&&|[<>=!]=|[-+*/%<>!?:.,()\[\]]))"
)
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_PLAIN = frozenset("\\\"'`?")
_CONSTANTS = {"true": True, "false": False}
_COMPARING = ("==", "!=", "<", "<=", ">", ">=")


class NotRead(ValueError):
    """An expression that is not read here; it may be right all the same."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A value."""

    value: bool | int | float | str


@dataclass(frozen=True, slots=True)
class Name:
    """A variable."""

    name: str


@dataclass(frozen=True, slots=True)
class Several:
    """A list."""

    items: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A member of something."""

    of: Tree
    name: str


@dataclass(frozen=True, slots=True)
class Index:
    """Something by a key."""

    of: Tree
    key: Tree


@dataclass(frozen=True, slots=True)
class Call:
    """A function, or a method of ``of``."""

    name: str
    of: Tree | None
    arguments: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Sign:
    """An operator between its operands: one, two, or three of ``?``."""

    sign: str
    operands: tuple[Tree, ...]


Tree = Constant | Name | Several | Field | Index | Call | Sign


def parsed(expression: str) -> Tree:
    """Return an expression as a tree.

    Parameters
    ----------
    expression
        CEL.

    Raises
    ------
    NotRead
        It is none, or uses what is not read here.
    """
    if len(expression) > MOST_CHARACTERS:
        raise NotRead("it is too long")
    parser = _Parser(_tokens(expression))
    tree = parser.whole()
    if parser.at < len(parser.tokens):
        raise NotRead(f"{parser.tokens[parser.at][1]!r} is not expected")
    return tree


def _tokens(expression: str) -> list[tuple[str, str]]:
    found, at, end = [], 0, len(expression.rstrip())
    while at < end:
        match = _TOKEN.match(expression, at)
        if match is None:
            raise NotRead(f"{expression[at : at + 10]!r} is not read")
        kind = str(match.lastgroup)
        found.append((kind, match[kind]))
        at = match.end()
    return found


class _Parser:
    """Reads tokens by recursive descent, a method a precedence."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens, self.at, self.depth = tokens, 0, 0

    def whole(self) -> Tree:
        self.depth += 1
        if self.depth > MOST_NESTED:
            raise NotRead("it is nested too deep")
        tree = self._either()
        if self._take("?"):
            then = self._either()
            self._need(":")
            tree = Sign("?", (tree, then, self.whole()))
        self.depth -= 1
        return tree

    def _either(self) -> Tree:
        tree = self._both()
        while self._take("||"):
            tree = Sign("||", (tree, self._both()))
        return tree

    def _both(self) -> Tree:
        tree = self._compared()
        while self._take("&&"):
            tree = Sign("&&", (tree, self._compared()))
        return tree

    def _compared(self) -> Tree:
        tree = self._sum()
        while (sign := self._peek()) in (*_COMPARING, "in"):
            self.at += 1
            tree = Sign(sign, (tree, self._sum()))
        return tree

    def _sum(self) -> Tree:
        tree = self._product()
        while (sign := self._peek()) in ("+", "-"):
            self.at += 1
            tree = Sign(sign, (tree, self._product()))
        return tree

    def _product(self) -> Tree:
        tree = self._turned()
        while (sign := self._peek()) in ("*", "/", "%"):
            self.at += 1
            tree = Sign(sign, (tree, self._turned()))
        return tree

    def _turned(self) -> Tree:
        signs = []
        while (sign := self._peek()) in ("!", "-"):
            self.at += 1
            signs.append(sign)
        tree = self._member()
        for sign in reversed(signs):
            tree = Sign(sign, (tree,))
        return tree

    def _member(self) -> Tree:
        tree = self._first()
        while True:
            if self._take("["):
                tree = Index(tree, self.whole())
                self._need("]")
            elif self._take("."):
                name = self._name()
                tree = Call(name, tree, self._list(")")) if self._take("(") else Field(tree, name)
            else:
                return tree

    def _first(self) -> Tree:
        kind, text = self._next()
        if kind == "number":
            return Constant(float(text) if "." in text else int(text))
        if kind == "text":
            return Constant(_unescaped(text))
        if kind == "name":
            if text in _CONSTANTS:
                return Constant(_CONSTANTS[text])
            return Call(text, None, self._list(")")) if self._take("(") else Name(text)
        if text == "(":
            tree = self.whole()
            self._need(")")
            return tree
        if text == "[":
            return Several(self._list("]"))
        raise NotRead(f"{text!r} is not expected")

    def _list(self, end: str) -> tuple[Tree, ...]:
        found: list[Tree] = []
        while not self._take(end):
            if found:
                self._need(",")
            found.append(self.whole())
        return tuple(found)

    def _name(self) -> str:
        kind, text = self._next()
        if kind != "name":
            raise NotRead(f"{text!r} is no name")
        return text

    def _next(self) -> tuple[str, str]:
        if self.at >= len(self.tokens):
            raise NotRead("it ends too early")
        self.at += 1
        return self.tokens[self.at - 1]

    def _peek(self) -> str:
        if self.at >= len(self.tokens):
            return ""
        kind, text = self.tokens[self.at]
        return "" if kind in ("text", "number") else text

    def _take(self, sign: str) -> bool:
        if self._peek() != sign:
            return False
        self.at += 1
        return True

    def _need(self, sign: str) -> None:
        if not self._take(sign):
            raise NotRead(f"{sign!r} is missing")


def _unescaped(text: str) -> str:
    def plain(match: re.Match[str]) -> str:
        character = match[1]
        if character not in _PLAIN and character not in _ESCAPES:
            raise NotRead(f"\\{character} is not read")
        return _ESCAPES.get(character, character)

    return _ESCAPE.sub(plain, text[1:-1])
