"""A stand-in for a language model: two keyword rules behind OpenAI's chat protocol, on this machine alone.

`python server.py` serves http://127.0.0.1:8077/v1 with the models `keywords-1` and `keywords-2` until it is stopped;
`start()` does so in a thread and returns the server and its address. Every hundredth call is refused with 429 and
`Retry-After`, as a busy provider does.
"""

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

OUT = "out of scope"
FIRST = {
    "card lost": ("card", "stolen"),
    "pin": ("pin", "code"),
    "refund": ("refund", "money back"),
    "balance": ("balance",),
    "transfer": ("transfer", "send"),
    "fees": ("fee", "fees"),
}
SECOND = {
    **FIRST,
    "card lost": ("lost", "stolen", "missing"),
    "balance": ("balance", "have left"),
    "fees": ("fee", "fees", "charged", "charge", "cost"),
    "refund": ("refund", "money back", "return", "reimburse"),
}
MODELS = {"keywords-1": FIRST, "keywords-2": SECOND}
SECONDS = 0.003
"""What thinking takes."""


def answer(model: str, message: str) -> str:
    """The intent with most of its keywords in the message; without any, out of scope."""
    found = Counter({label: sum(word in message for word in words) for label, words in MODELS[model].items()})
    label, hits = found.most_common(1)[0]
    return label if hits else OUT


class Chat(BaseHTTPRequestHandler):
    """POST /v1/chat/completions."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body leave together
    calls = 0
    lock = threading.Lock()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with Chat.lock:
            Chat.calls += 1
            busy = Chat.calls % 100 == 0
        if busy:
            self.reply(429, {"error": {"message": "Too many requests."}}, retry_after=0.05)
        elif body["model"] not in MODELS:
            self.reply(404, {"error": {"message": f"There is no model {body['model']}."}})
        else:
            time.sleep(SECONDS)
            prompt = body["messages"][-1]["content"]
            said = answer(body["model"], prompt.partition("Message:")[2].lower())
            message = {"role": "assistant", "content": f"Intent: {said}"}
            usage = {"prompt_tokens": len(prompt.split()), "completion_tokens": len(said.split()) + 1}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self.reply(200, {"object": "chat.completion", "choices": [choice], "usage": usage})

    def reply(self, status: int, content: dict[str, Any], *, retry_after: float | None = None) -> None:
        raw = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        if retry_after is not None:
            self.send_header("Retry-After", str(retry_after))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        """Say nothing for each call."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def start(port: int = 0) -> tuple[Server, str]:
    """Serve in a thread; port 0 takes any free one. `server.shutdown()` and `server.server_close()` end it."""
    server = Server(("127.0.0.1", port), Chat)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_address[1]}/v1"


if __name__ == "__main__":
    serving, url = start(8077)
    print(f"{url} serves {', '.join(MODELS)}; Ctrl-C ends it.")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        serving.shutdown()
