"""Checks msgpack.py and frames.py against the golden vectors: python3 self_test.py FOLDER_OF_VECTORS"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import msgpack
from frames import ANSWER_NODES, REQUEST_NODES, decode_message, encode_frame


def nodes(vector: dict[str, Any]) -> int:
    return REQUEST_NODES if vector["from"] == "client" else ANSWER_NODES


def check(file: str, vector: dict[str, Any]) -> None:
    repeat = vector.get("repeat", {"hex": "", "times": 0})
    message = bytes.fromhex(vector["hex"] + repeat["hex"] * repeat["times"])
    if file == "hostile.json":
        try:
            decode_message(message, nodes(vector))
        except msgpack.Malformed as refused:
            assert refused.code == vector["error"], refused
        else:
            raise AssertionError("was not refused")
        return
    if "frame" in vector:
        assert encode_frame(vector["frame"]) == message, encode_frame(vector["frame"]).hex()
        assert decode_message(message) == [vector["frame"]], decode_message(message)
        return
    frames = decode_message(message, nodes(vector))
    assert frames == vector["frames"], frames
    if file == "messages.json":
        assert b"".join(map(encode_frame, frames)) == message


def main(folder: Path) -> int:
    failed = passed = 0
    files = sorted(folder.glob("*.json"))
    for path in files:
        for vector in json.loads(path.read_text("utf-8")):
            try:
                check(path.name, vector)
                passed += 1
            except Exception as error:  # every vector is to be tried
                failed += 1
                report = f"{path.name}: {vector['name']}: {type(error).__name__}: {error}"
                print(report[:300], file=sys.stderr)
    print(json.dumps({"event": "vectors", "files": len(files), "passed": passed, "failed": failed}))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
