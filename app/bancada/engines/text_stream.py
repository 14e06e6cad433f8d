"""From tokens' bytes to text that can be shown: whole characters, and nothing of a stop string."""

from __future__ import annotations

import codecs


class TextStream:
    """Turns the bytes of one answer into pieces of text, holding back what may be a stop string."""

    def __init__(self, stop: tuple[str, ...] = ()) -> None:
        self._stop = tuple(one for one in stop if one)
        # damaged UTF-8 of the model becomes U+FFFD; an unfinished character waits for its end
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self._parts: list[str] = []
        self.stopped = False

    @property
    def text(self) -> str:
        """All that was given out so far."""
        return "".join(self._parts)

    def feed(self, piece: bytes) -> str:
        """Take the bytes of one token and return the text that may be shown now, perhaps none."""
        self._held += self._decoder.decode(piece)
        found = [at for at in (self._held.find(one) for one in self._stop) if at >= 0]
        if found:
            self.stopped = True
            return self._give(min(found))
        return self._give(len(self._held) - self._possible_stop())

    def finish(self) -> str:
        """Return what was held back, at the end of the answer; an unfinished character is dropped."""
        return "" if self.stopped else self._give(len(self._held))

    def _give(self, length: int) -> str:
        text, self._held = self._held[:length], self._held[length:]
        if text:
            self._parts.append(text)
        return text

    def _possible_stop(self) -> int:
        # the longest end of the held text that begins a stop string
        longest = 0
        for one in self._stop:
            for size in range(min(len(one) - 1, len(self._held)), longest, -1):
                if self._held.endswith(one[:size]):
                    longest = size
                    break
        return longest
