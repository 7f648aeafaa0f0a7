"""Bodies that no door lets in: what is sent, how the REST door answers it, and words of the reason."""

UNFIT: list[tuple[bytes, int, str]] = [
    (b'{"a": [0, 1e400]}', 422, "too large"),
    (b'{"a": -1e400}', 422, "too large"),
    (b"1" + b"0" * 400 + b".0", 422, "too large"),
    (b'{"a": NaN}', 400, "JSON"),
    (b'{"a": Infinity}', 400, "JSON"),
    (rb'{"a": "\ud83d"}', 400, "JSON"),
    (b'{"a": "\xed\xa0\xbd"}', 400, "JSON"),
    (b'{"a": "\xff"}', 400, "JSON"),
    (rb'{"a": ["b\u0000"]}', 422, "null character"),
    (rb'{"a\u0000": 1}', 422, "null character"),
]
