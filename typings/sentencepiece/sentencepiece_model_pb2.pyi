"""The part of sentencepiece 0.2 that Bancada uses: the messages of a model's file."""

class _Pieces:
    def add(self, *, piece: str, score: float, type: int) -> None: ...

class _Trainer:
    model_type: int
    vocab_size: int
    byte_fallback: bool
    unk_id: int
    bos_id: int
    eos_id: int
    pad_id: int

class _Normalizer:
    name: str
    add_dummy_prefix: bool
    remove_extra_whitespaces: bool
    escape_whitespaces: bool

class ModelProto:
    pieces: _Pieces
    trainer_spec: _Trainer
    normalizer_spec: _Normalizer
    def SerializeToString(self) -> bytes: ...
