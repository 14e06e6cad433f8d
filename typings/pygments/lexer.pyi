from collections.abc import Iterator

from pygments.token import _TokenType

class Lexer:
    def get_tokens(self, text: str) -> Iterator[tuple[_TokenType, str]]: ...
