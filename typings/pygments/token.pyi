class _TokenType:
    def __contains__(self, val: object) -> bool: ...
    def __getattr__(self, name: str) -> _TokenType: ...

Comment: _TokenType
Keyword: _TokenType
Name: _TokenType
Number: _TokenType
Operator: _TokenType
String: _TokenType
