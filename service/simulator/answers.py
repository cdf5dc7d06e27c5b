"""What gateways say, word for word: envelopes, refusals and errors of the three families.

Read in novicezk/midjourney-proxy, trueai-org/midjourney-proxy and Calcium-Ion/new-api.
"""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

JSON = dict[str, Any]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP answer. `{detail}` in a body is filled in by `detailed`."""

    status: int = 200
    body: JSON | str | None = None  # an object is sent as JSON, text as text, None as an empty body

    def detailed(self, detail: str) -> "Answer":
        """The same answer with the detail in its place."""
        text = json.dumps(self.body).replace("{detail}", json.dumps(detail)[1:-1])
        return Answer(status=self.status, body=json.loads(text))


class Refusal(StrEnum):
    """Why a gateway says no. Each family has its own words for it."""

    NOT_JSON = "the body is no JSON object, or a word in it is none of those allowed"
    NO_PROMPT = "imagine or shorten without a prompt"
    NO_VIDEO_PROMPT = "video without a prompt"
    NO_PICTURE = "describe without a picture"
    NO_IMAGE = "edits or retexture without a picture or a prompt"
    NO_FACE = "swap without the face"
    NO_TARGET = "swap without the picture to put it into"
    SAME_FACES = "swap of a picture with itself"
    NO_UPLOADS = "upload of no pictures"
    UPLOADS_FORBIDDEN = "pictures were sent, and the gateway takes none"
    BAD_PICTURE = "a picture cannot be decoded"
    BAD_LINK = "a link that is none"
    PICTURE_COUNT = "blend with fewer than two or more than five pictures"
    BAD_DIMENSIONS = "blend with null as its dimensions"
    BAD_PARAMETERS = "action without taskId or customId"
    NO_TASK_ID = "change without taskId"
    NO_WINDOW_ID = "modal without taskId"
    BAD_ACTION = "change with another action than UPSCALE, VARIATION, REROLL"
    NO_INDEX = "change or video extend without the index that it needs"
    BAD_VIDEO_ACTION = "video with taskId, and another action than extend"
    BAD_CONTENT = "simple-change that is not `<id> U1`"
    LONG_STATE = "state is too long"
    LONG_HOOK = "notifyHook is too long"
    THROWN_STATE = "the same, where nobody catches the exception but the filter around all"
    THROWN_HOOK = "the same for the hook"
    PARENT_MISSING = "the task to click on is unknown"
    PARENT_UNFINISHED = "the task to click on is not SUCCESS"
    PARENT_UNFIT = "the task to click on cannot be changed"
    BUTTON_UNKNOWN = "the customId is unknown"
    QUEUE_FULL = "too many tasks wait"
    BANNED = "the prompt is banned"
    TASK_UNKNOWN = "fetch of an unknown id"
    SEED_UNKNOWN = "image-seed of an unknown id"
    NO_SEED = "image-seed of an unfinished task"


def envelope(code: int, description: str, *, result: Any = None, properties: JSON | None = None) -> JSON:
    """The body of every answer to a submission."""
    return {"code": code, "description": description, "result": result, "properties": properties or {}}


def _says(code: int, description: str, *, status: int = 200, properties: JSON | None = None) -> Answer:
    return Answer(status=status, body=envelope(code, description, properties=properties))


def _throws(message: str) -> Answer:
    # The one envelope of trueai's exception filter; its `Timestamp` counts ticks, which nobody reads.
    return Answer(body={"success": False, "code": 0, "message": message, "timestamp": "638500000000000000"})


def _relay_error(description: str) -> Answer:
    # new-api joins description and result with a space, and has no result here: the space stays.
    return Answer(status=400, body={"description": f"{description} ", "type": "upstream_error", "code": 4})


def _api_error(status: int, message: str) -> Answer:
    return Answer(status=status, body={"error": {"message": message, "type": "new_api_error"}})


_SPRING_BAD_REQUEST = Answer(status=400, body={"status": 400, "error": "Bad Request"})

PROXY: Mapping[Refusal, Answer] = {
    Refusal.NOT_JSON: _SPRING_BAD_REQUEST,
    Refusal.NO_PROMPT: _says(4, "prompt不能为空"),
    Refusal.NO_VIDEO_PROMPT: _says(4, "Prompt 不能为空"),
    Refusal.NO_PICTURE: _says(4, "base64不能为空"),
    Refusal.NO_IMAGE: _says(4, "image或prompt不能为空"),
    Refusal.NO_FACE: _says(4, "人脸图片不能为空"),
    Refusal.NO_TARGET: _says(4, "目标图片不能为空"),
    Refusal.SAME_FACES: _says(4, "人脸图片和目标图片不能相同"),
    Refusal.NO_UPLOADS: _says(4, "base64 参数错误"),
    Refusal.BAD_PICTURE: _says(4, "base64格式错误"),
    Refusal.BAD_LINK: _says(4, "链接格式错误"),
    Refusal.PICTURE_COUNT: _says(4, "base64List参数错误"),
    Refusal.BAD_DIMENSIONS: _says(4, "dimensions参数错误"),
    Refusal.BAD_PARAMETERS: _says(4, "参数错误"),
    Refusal.NO_TASK_ID: _says(4, "taskId不能为空"),
    Refusal.NO_WINDOW_ID: _says(4, "taskId不能为空"),
    Refusal.BAD_ACTION: _says(4, "action参数错误"),
    Refusal.NO_INDEX: _says(4, "index参数错误"),
    Refusal.BAD_VIDEO_ACTION: _says(4, "任务类型错误"),
    Refusal.BAD_CONTENT: _says(4, "content参数错误"),
    Refusal.PARENT_MISSING: _says(3, "关联任务不存在或已失效"),
    Refusal.PARENT_UNFINISHED: _says(4, "关联任务状态错误"),
    Refusal.PARENT_UNFIT: _says(4, "关联任务不允许执行变化"),
    Refusal.BUTTON_UNKNOWN: _says(4, "未知的 Action 类型"),
    Refusal.QUEUE_FULL: _says(23, "队列已满，请稍后尝试", properties={"discordInstanceId": "1118138338562560102"}),
    Refusal.BANNED: _says(24, "可能包含敏感词", properties={"promptEn": "{detail}", "bannedWord": "nude"}),
    Refusal.TASK_UNKNOWN: Answer(status=200),
    Refusal.SEED_UNKNOWN: _says(3, "关联任务不存在或已失效"),
    Refusal.NO_SEED: _says(4, "关联任务状态错误", status=400),
}

# trueai refuses no prompt at once (no BANNED here): the task is accepted and fails later.
TRUEAI: Mapping[Refusal, Answer] = {
    **{reason: answer for reason, answer in PROXY.items() if reason is not Refusal.BANNED},
    Refusal.LONG_STATE: _says(4, "State参数过长，最大255字符"),
    Refusal.LONG_HOOK: _says(4, "NotifyHook参数过长，最大2000字符"),
    Refusal.THROWN_STATE: _throws("State参数过长，最大255字符"),
    Refusal.THROWN_HOOK: _throws("NotifyHook参数过长，最大2000字符"),
    Refusal.NO_PICTURE: _says(4, "base64或link不能为空"),
    Refusal.UPLOADS_FORBIDDEN: _says(4, "禁止上传"),
    Refusal.PICTURE_COUNT: _says(4, "图片参数错误，2~5张图片"),
    Refusal.NO_WINDOW_ID: _says(4, "参数错误"),
    Refusal.PARENT_MISSING: _says(3, "关联任务不存在或已失效", status=404),
    Refusal.QUEUE_FULL: _says(9, "提交失败，队列已满，请稍后重试"),
    Refusal.TASK_UNKNOWN: Answer(status=204),
    Refusal.SEED_UNKNOWN: _says(3, "关联任务不存在或已失效", status=404),
}

# What new-api checks itself comes in its own words; queue and moderation are its upstream's, passed through.
NEW_API: Mapping[Refusal, Answer] = {
    **PROXY,
    Refusal.NOT_JSON: _relay_error("bind_request_body_failed"),
    Refusal.NO_PROMPT: _relay_error("prompt_is_required"),
    Refusal.BAD_PARAMETERS: _api_error(400, "Invalid request, unknown_action:{detail}"),
    Refusal.NO_FACE: _relay_error("sour_base64_and_target_base64_is_required"),
    Refusal.NO_TARGET: _relay_error("sour_base64_and_target_base64_is_required"),
    Refusal.NO_TASK_ID: _relay_error("task_id_is_required"),
    Refusal.NO_WINDOW_ID: _relay_error("task_id_is_required"),
    Refusal.BAD_ACTION: _relay_error("action_is_required"),
    Refusal.NO_INDEX: _relay_error("index_is_required"),
    Refusal.BAD_CONTENT: _relay_error("content_parse_failed"),
    Refusal.PARENT_MISSING: _relay_error("task_not_found"),
    Refusal.PARENT_UNFINISHED: _relay_error("task_status_not_success"),
    Refusal.BUTTON_UNKNOWN: _api_error(400, "Invalid request, unknown_action:{detail}"),
    Refusal.TASK_UNKNOWN: _relay_error("task_no_found"),
    Refusal.SEED_UNKNOWN: _relay_error("task_no_found"),
}

EMPTY_401 = Answer(status=401)
TRUEAI_401 = Answer(status=401, body="Authorization header missing.")
NEW_API_401 = _api_error(401, "无效的令牌 (request id: 20260101000000000000000)")
