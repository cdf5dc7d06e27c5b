"""The servers that are measured, each in a process of its own.

`python -m bench.servers reference` is the floor: a Starlette handler that reads the body and answers.
`python -m bench.servers gateway` accepts every submit, for follow-ups to go somewhere.
`python -m bench.servers ringback FOLDER GATEWAY_PORT [RULES]` is Ringback as `ringback serve` runs it, with a ledger in
FOLDER that holds TASKS accepted tasks, a rule (and those of the file RULES), and the submitter on; it writes the
callbacks to send to FOLDER/requests.
Each prints its port when it is ready to listen.
"""

import sys
from itertools import count
from pathlib import Path

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from hooks.token import TokenSigner
from service.app import Service, open_ledger
from service.cli.serve import listen, run
from service.config import parse_config
from service.keys import load_keys
from service.logs import configure_logs
from service.settings import load_settings
from storage.openings import open_task
from storage.queue import claim_due
from storage.records import NewTask
from storage.store import Store
from storage.submissions import acknowledge

TASKS = 1000
CALLBACKS_PER_TASK = 20  # the last one is the ending: one in twenty
FIRES = 5  # the rule fires on one ending in five: one callback in a hundred
SECRET, API_KEY = "bench-secret-0123456789", "bench-api-key-0123456789"
RULE = b"""
rules:
  - id: u1
    on: task.succeeded
    match: {action: IMAGINE, prompt: {word: cat}}
    do:
      - click: U1
"""
JOB = "26d56b92-4ed6-45e2-8561-563797923135"


def serve(app: Starlette) -> None:
    listener = listen("127.0.0.1", 0)
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")
    uvicorn.Server(config).run(sockets=[listener])


def reference() -> None:
    async def read(request: Request) -> JSONResponse:
        await request.body()
        return JSONResponse({"ok": True})

    serve(Starlette(routes=[Route("/hooks/{token}", read, methods=["POST"])]))


def gateway() -> None:
    numbers = count(1)

    async def accept(_request: Request) -> JSONResponse:
        return JSONResponse({"code": 1, "description": "提交成功", "result": f"9{next(numbers):015d}"})

    async def know(_request: Request) -> JSONResponse:
        return JSONResponse([])

    serve(
        Starlette(
            routes=[
                Route("/mj/submit/{action}", accept, methods=["POST"]),
                Route("/mj/task/list-by-condition", know, methods=["POST"]),
            ]
        )
    )


def ringback(folder: Path, gateway_port: str, more_rules: Path | None = None) -> None:
    configure_logs("error")
    environ = {
        "RINGBACK_GATEWAY": "midjourney-proxy",
        "RINGBACK_GATEWAY_URL": f"http://127.0.0.1:{gateway_port}",
        "RINGBACK_GATEWAY_KEY": "bench",
        "RINGBACK_PUBLIC_URL": "http://127.0.0.1:8000",
        "RINGBACK_SECRET_KEYS": SECRET,
        "RINGBACK_API_KEYS": API_KEY,
        "RINGBACK_SILENT_AFTER": "3600",
    }
    settings = load_settings(environ, folder)
    requests = fill(settings.database, "midjourney-proxy")
    (folder / "requests").write_bytes(msgspec.msgpack.encode(requests))
    more = b"" if more_rules is None else more_rules.read_bytes().removeprefix(b"rules:\n")
    config = parse_config(RULE + more, file="bench.yaml", environ={})
    listener = listen("127.0.0.1", 0)
    print(listener.getsockname()[1], flush=True)
    run(Service(settings, config, load_keys(settings), open_ledger(settings, config)), listener)


def fill(database: Path, gateway_name: str) -> list[bytes]:
    """Open the tasks, have them accepted, and give the callbacks that will come, in the order of time."""
    store = Store(database)
    store.start()
    signer = TokenSigner([SECRET])
    for number in range(TASKS):
        prompt = f"a red {'cat' if number % FIRES == 0 else 'fox'} number {number}"
        store.submit(open_task, NewTask(gateway=gateway_name, action="IMAGINE", prompt=prompt, origin="api")).result()
    claims = store.submit(claim_due, gateway=gateway_name, limit=TASKS).result()
    hooks = []
    for number, claim in enumerate(claims):
        gateway_id = f"17412310{number:08d}"
        store.submit(acknowledge, claim.submission.id, gateway_id, "submit").result()
        hooks.append((signer.mint(claim.task.id, claim.submission.nonce), gateway_id, claim.task.prompt))
    store.close()
    return [
        make_request(token, make_body(gateway_id, prompt, step))
        for step in range(CALLBACKS_PER_TASK)
        for token, gateway_id, prompt in hooks
    ]


def make_body(gateway_id: str, prompt: str, step: int) -> bytes:
    """About 2 KB of a task as midjourney-proxy-plus calls back with it."""
    ended = step == CALLBACKS_PER_TASK - 1
    labels = [*(("upsample", f"U{i}", i) for i in range(1, 5)), *(("variation", f"V{i}", i) for i in range(1, 5))]
    body = {
        "id": gateway_id,
        "action": "IMAGINE",
        "status": "SUCCESS" if ended else "IN_PROGRESS",
        "progress": "100%" if ended else f"{step * 5}%",
        "prompt": prompt,
        "promptEn": prompt,
        "description": f"/imagine {prompt}",
        "submitTime": 1741531578038,
        "startTime": 1741531580190,
        "finishTime": 1741531608566 if ended else None,
        "imageUrl": f"https://cdn.example.com/attachments/{gateway_id}/{step}_{JOB}.png?ex=67cefb57&is=67cda9d7",
        "failReason": None,
        "properties": {
            "botType": "MID_JOURNEY",
            "finalPrompt": prompt,
            "messageHash": JOB,
            "messageId": "1348306030706036789",
            "nonce": "1619855216344100864",
            "discordInstanceId": "1118138338562560102",
            "notifyHook": "",
        },
        "buttons": [
            {"customId": f"MJ::JOB::{kind}::{index}::{JOB}", "emoji": "", "label": label, "style": 2, "type": 2}
            for kind, label, index in labels
        ]
        if ended
        else [],
    }
    text = msgspec.json.encode(body)
    body["properties"]["messageContent"] = f"**{prompt}** " + "x" * max(0, 2048 - len(text) - 40)
    return msgspec.json.encode(body)


def make_request(token: str, body: bytes) -> bytes:
    head = (
        f"POST /hooks/{token} HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["reference"]:
            reference()
        case ["gateway"]:
            gateway()
        case ["ringback", folder, port, *more]:
            ringback(Path(folder), port, *map(Path, more))
