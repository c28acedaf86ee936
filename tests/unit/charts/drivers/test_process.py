from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from alcove.charts.drivers.process import Answers


@given(st.lists(st.dictionaries(st.text(), st.integers() | st.text()), max_size=5), st.integers(1, 9))
def test_messages_arrive_whole_however_they_are_cut(messages: list[dict[str, Any]], size: int) -> None:
    content = b"".join(json.dumps(message).encode() + b"\n" for message in messages)
    received: list[Any] = []
    ended: list[bool] = []
    answers = Answers(received.append, lambda: ended.append(True))
    for begin in range(0, len(content), size):
        answers.data_received(content[begin : begin + size])
    answers.connection_lost(None)
    assert received == messages
    assert ended == [True]
