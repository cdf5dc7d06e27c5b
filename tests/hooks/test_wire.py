import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hooks import wire
from hooks.blanker import Blanker
from hooks.errors import NotATask
from hooks.token import TOKEN_PATTERN, TokenSigner
from hooks.wire import Envelope
from storage.records import Progress

SAMPLES = {path.stem: path.read_bytes() for path in sorted((Path(__file__).parent.parent / "wire").glob("*.json"))}
TOKEN = TokenSigner(["a-secret-key"], clock=lambda: 1_763_859_600.0).mint("8123456789012345", "Zk3x_9AbQ-w")
HOOK = f"https://ringback.example/hooks/{TOKEN}"
KEY = "sk-Geheim/0123456789+abc"
BLANKER = Blanker((KEY,))
parse_progress = partial(wire.parse_progress, blanker=BLANKER)
parse_listed = partial(wire.parse_listed, blanker=BLANKER)
parse_tasks = partial(wire.parse_tasks, blanker=BLANKER)
parse_envelope = partial(wire.parse_envelope, blanker=BLANKER)


def progress(**fields: object) -> Progress:
    """The Progress of a body with these fields."""
    return parse_progress(json.dumps({"id": "1", "status": "IN_PROGRESS"} | fields).encode())


def check_storable(said: object) -> None:
    """What wire promises of everything it gives: UTF-8 and SQLite can hold it, and no hook is in it."""
    for text in texts(msgspec.json.decode(msgspec.json.encode(said))):
        assert not TOKEN_PATTERN.search(text)
        assert "\0" not in text


def texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


# The gateways' own bodies


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_is_a_task_that_can_be_stored(name):
    said = parse_progress(SAMPLES[name])
    assert said.gateway_id is not None and said.gateway_id.isdigit()
    check_storable(said)


def test_the_success_of_a_reseller_is_read_whole():
    said = parse_progress(SAMPLES["kuaiwenwen_imagine_success"])
    assert said.gateway_id == "1320098173412546"
    assert (said.status, said.progress, said.fail_reason, said.fail_kind) == ("SUCCESS", 100, None, None)
    assert (said.started_at, said.finished_at) == (1741531580190, 1741531608566)
    assert said.image_url is not None and "?ex=67cefb57&is=67cda9d7&hm=" in said.image_url
    assert [(each.kind, each.index, each.label) for each in said.buttons] == [
        *(("upsample", index, f"U{index}") for index in range(1, 5)),
        ("reroll", None, ""),
        *(("variation", index, f"V{index}") for index in range(1, 5)),
    ]
    assert said.properties["discordChannelId"] == 8774786694361674000
    assert said.properties["finalPrompt"] == "cat --v 6.1 --sref <https://s.mj.run/ktqQpnwPoPk>"
    assert said.properties["notifyHook"] == ""
    assert said.properties["action"] == "IMAGINE"
    assert said.properties["submitTime"] == 1741531578038
    assert said.ended


def test_an_upscale_of_a_reseller_drops_only_what_is_standard_and_empty():
    said = parse_progress(SAMPLES["fuhuapi_upscale_success"])
    assert said.properties == {
        "finalPrompt": "a lovely Japan countryside --niji 6 --ar 16:9",
        "finalZhPrompt": "",
        "action": "UPSCALE",
        "prompt": "a lovely Japan countryside --niji 6 --ar 16:9",
        "promptEn": "a lovely Japan countryside --niji 6 --ar 16:9",
        "description": "Submit success",
        "submitTime": 1712310326047,
    }
    assert [(each.label, each.kind, each.emoji) for each in said.buttons] == [
        ("Upscale (Subtle)", "upsample_v6_2x_subtle", "upscale_1")
    ]


def test_java_shows_no_buttons_and_echoes_the_hook():
    said = parse_progress(SAMPLES["java_imagine_progress"])
    assert (said.status, said.progress, said.buttons, said.finished_at) == ("IN_PROGRESS", 31, (), None)
    assert said.properties["notifyHook"] == ""
    assert said.properties["prompt"] == "一只红色的猫 --ar 16:9"
    assert "state" not in said.properties


def test_java_times_out():
    said = parse_progress(SAMPLES["java_imagine_timeout"])
    assert (said.status, said.progress, said.fail_reason, said.fail_kind) == ("FAILURE", None, "任务超时", "timeout")


def test_the_csharp_proxy_escapes_chinese_and_has_fields_of_its_own():
    said = parse_progress(SAMPLES["cs_imagine_success"])
    assert said.properties["prompt"] == "红色的猫"
    assert said.properties["imageUrls"] == [
        {"url": "https://cdn.example/0.png", "thumbnail": "https://cdn.example/0_t.webp"}
    ]
    assert said.properties["isWhite"] is False
    assert said.properties["parentId"] is None
    assert len(said.buttons) == 9


def test_a_task_that_was_cancelled_is_a_failure_that_says_so():
    said = parse_progress(SAMPLES["cs_cancelled"])
    assert (said.status, said.fail_reason, said.fail_kind) == ("FAILURE", "取消任务", "cancelled")


def test_videos_are_listed_once_each():
    said = parse_progress(SAMPLES["cs_video_success"])
    assert len(said.video_urls) == 4
    assert said.video_urls[0].endswith("/0_0.mp4")
    assert "videoUrls" not in said.properties
    assert {each.kind for each in said.buttons} == {"video_virtual_upscale"}


def test_new_api_knows_nothing_before_its_first_poll():
    said = parse_progress(SAMPLES["new_api_fresh"])
    assert (said.status, said.progress, said.started_at, said.image_url, said.fail_reason) == (
        "NOT_START",
        0,
        None,
        None,
        None,
    )
    assert said.buttons == said.video_urls == ()


def test_new_api_says_100_percent_of_a_failure():
    said = parse_progress(SAMPLES["new_api_failure"])
    assert (said.status, said.progress, said.fail_kind) == ("FAILURE", None, "moderation")
    assert "progress" not in said.properties


def test_a_window_waits():
    said = parse_progress(SAMPLES["plus_modal"])
    assert said.status == "MODAL" and not said.ended
    assert said.properties["remix"] is True


def test_snake_case_is_understood():
    said = parse_progress(SAMPLES["snake_case_progress"])
    assert (said.gateway_id, said.status, said.progress) == ("1763859600123460", "IN_PROGRESS", 46)
    assert said.image_url == "https://cdn.example/preview.png"
    assert said.started_at == 1_763_859_601_000
    assert said.properties == {"promptEn": "a red cat", "guild": "mine"}


# Field by field


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        *(('"1320098173412546"', "1320098173412546"), ("1320098173412546", "1320098173412546"), ('"a b"', "a b")),
        *(("8774786694361674001", "8774786694361674001"), ("1" * 40, "1" * 40), ("1" * 5000, "1" * 5000)),
        *(("12.0", "12"), ("12.5", "12.5"), ("1e300", "1e+300"), ("9007199254740994.0", "9007199254740994.0")),
        *(('""', None), ('" "', None), ("null", None), ("true", None), ("[1]", None), ("{}", None)),
    ],
)
def test_an_id_is_exact_text(raw, text):
    assert parse_progress(b'{"id":%s,"status":"SUBMITTED"}' % raw.encode()).gateway_id == text


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        *(("SUCCESS", "SUCCESS"), (" success ", "SUCCESS"), ("In_Progress", "IN_PROGRESS"), ("MODAL", "MODAL")),
        *((None, "NOT_START"), ("", "NOT_START"), ("  ", "NOT_START"), ("PAUSED", "PAUSED"), ("等待中", "等待中")),
        *((7, "7"), (["x"], "NOT_START")),
    ],
)
def test_a_status_is_one_of_ours_or_the_gateways_own_word(raw, status):
    assert progress(status=raw).status == status


@pytest.mark.parametrize(
    ("raw", "percent"),
    [
        *(
            ("31%", 31),
            ("31", 31),
            (31, 31),
            (31.0, 31),
            ("31.7%", 31),
            (" 31 % ", 31),
            ("0%", 0),
            (0, 0),
            ("100%", 100),
        ),
        *(("250%", 100), ("-3%", 0), (10**8, 100), (-1, 0), ("007", 7)),
        *(
            (None, None),
            ("", None),
            ("Stopped", None),
            ("%", None),
            (True, None),
            ([], None),
            ("1e3%", None),
            ("٣%", None),
        ),
    ],
)
def test_progress_is_a_percentage_or_nothing(raw, percent):
    assert progress(progress=raw).progress == percent


@pytest.mark.parametrize("raw", [None, "", "3%", "100%", "done"])
def test_an_ending_has_the_progress_of_an_ending(raw):
    assert progress(status="SUCCESS", progress=raw).progress == 100
    assert progress(status="FAILURE", progress=raw).progress is None
    assert progress(status="CANCEL", progress=raw).progress is None


def test_a_word_instead_of_a_percentage_is_kept():
    assert progress(progress="Waiting to start").properties == {"progress": "Waiting to start"}


@pytest.mark.parametrize(
    ("raw", "time"),
    [
        *((1741531578038, 1741531578038), ("1741531578038", 1741531578038), (1741531578038.0, 1741531578038)),
        *((1741531578, 1741531578000), ("1741531578", 1741531578000)),
        *(
            (0, None),
            ("", None),
            (None, None),
            (-1, None),
            (7258118400000, None),
            (10**30, None),
            ("soon", None),
            (True, None),
        ),
    ],
)
def test_a_time_is_milliseconds_or_nothing(raw, time):
    said = progress(startTime=raw, finishTime=raw)
    assert (said.started_at, said.finished_at) == (time, time)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        *(("任务超时", "timeout"), ("执行超时 5 分钟", "timeout"), ("上游任务超时（超过1小时）", "timeout")),
        *(("任务提交超时", "timeout"), ("Request TIMED OUT", "timeout"), ("connection timeout", "timeout")),
        *(("可能包含敏感词", "moderation"), ("Banned prompt detected", "moderation"), ("AI moderators", "moderation")),
        *(("图片审核不通过", "moderation"), ("内容违规", "moderation")),
        *(("取消任务", "cancelled"), ("Cancelled by user", "cancelled")),
        *(
            ("余额不足", "quota"),
            ("用户今日绘图次数已达上限", "quota"),
            ("Insufficient credit", "quota"),
            ("Quota exceeded", "quota"),
        ),
        *(
            ("无可用的账号实例", "gateway"),
            ("账号不可用: x", "gateway"),
            ("提交失败，系统异常", "gateway"),
            ("upstream error", "gateway"),
        ),
        *(("Connection reset", "gateway"), ("队列已满，请稍后尝试", "gateway")),
        *(("something else", "unknown"), ("不知道", "unknown"), ("", "unknown"), (None, "unknown")),
    ],
)
def test_failures_are_sorted_in_both_languages(reason, kind):
    said = progress(status="FAILURE", failReason=reason)
    assert (said.fail_kind, said.fail_reason) == (kind, reason or None)


def test_only_a_failure_has_a_kind_of_failure():
    assert progress(failReason="任务超时").fail_kind is None
    assert progress(status="SUCCESS", failReason="任务超时").fail_kind is None
    assert progress(status="CANCEL").fail_kind == "cancelled"
    assert progress(status="CANCEL", failReason="任务超时").fail_kind == "timeout"


@pytest.mark.parametrize(
    ("fields", "urls"),
    [
        ({"videoUrls": [{"url": "a"}, {"url": "b"}]}, ("a", "b")),
        ({"videoUrls": ["a", "b", "a"]}, ("a", "b")),
        ({"videoUrl": "a"}, ("a",)),
        ({"videoUrl": "a", "videoUrls": [{"url": "b"}]}, ("b", "a")),
        ({"videoUrl": "", "videoUrls": None}, ()),
        ({"videoUrl": "", "videoUrls": []}, ()),
    ],
)
def test_videos_come_in_several_shapes(fields, urls):
    said = progress(**fields)
    assert said.video_urls == urls
    assert said.properties == {}


# Unknown is kept


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("videoUrls", [{"url": "a", "thumbnail": "t"}]),
            ("videoUrls", [{"link": "a"}, 3.5, None]),
            ("videoUrls", "a"),
        ),
        *(("videoUrls", {"url": "a"}), ("videoUrl", {"url": "a"}), ("imageUrl", ["a"]), ("failReason", {"code": 3})),
        *(("startTime", "soon"), ("finishTime", 10**30), ("status", {"name": "x"}), ("id", {"$oid": "1"})),
        *(("buttons", {"U1": "x"}), ("buttons", ["U1"]), ("buttons", [{"customId": "x", "disabled": True}])),
        *(
            ("buttons", [{"customId": "x", "emoji": {"name": "🔄"}}]),
            ("buttons", [{"customId": "x", "label": ["U1"]}]),
            ("buttons", [{"customId": {"id": "x"}, "label": "L"}]),
        ),
        *(("properties", "text"), ("properties", [1]), ("brandNew", None), ("brandNew", ""), ("brandNew", {"a": []})),
    ],
)
def test_what_a_progress_cannot_hold_is_kept_beside_it(name, value):
    assert progress(**({"progress": "5%"} | {name: value})).properties == {name: value}


def test_ordinary_buttons_are_not_kept_twice():
    said = progress(buttons=[{"customId": "x", "label": "L", "emoji": "", "style": 3, "type": 2}])
    assert said.properties == {}
    assert said.buttons[0].custom_id == "x"


def test_an_inner_property_keeps_its_name():
    said = progress(properties={"prompt": "inner", "x": 1}, prompt="outer", x=2, y=3)
    assert said.properties == {"prompt": "inner", "task.prompt": "outer", "x": 1, "task.x": 2, "y": 3}


def test_two_collisions_lose_nothing():
    said = progress(properties={"x": 1, "task.x": 2}, x=3)
    assert said.properties == {"x": 1, "task.x": 2, "task.task.x": 3}


@pytest.mark.parametrize("number", [2**53 + 1, 2**63, 2**64 + 1, -(2**70), 10**200])
def test_integers_stay_exact_at_any_size(number):
    said = progress(properties={"n": number}, other=[{"m": number}])
    assert said.properties == {"n": number, "other": [{"m": number}]}
    assert type(said.properties["n"]) is int
    assert msgspec.json.decode(msgspec.json.encode(said), type=Progress) == said


def test_a_number_that_python_cannot_write_is_kept_as_text():
    body = b'{"id":"1","status":"SUBMITTED","n":%s,"f":1e999}' % (b"9" * 6000)
    assert parse_progress(body).properties == {"n": "9" * 6000, "f": "1e999"}


# What is no task


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"",
            b" ",
            b"null",
            b"1",
            b"true",
            b'"SUCCESS"',
            b"[]",
            b"[{}]",
            b"{}",
            b"{",
            b'{"id":"1"',
            b"OK",
            b"\xff\xfe",
            b"\x00",
        ),
        *(
            b'{"id":NaN}',
            b'{"id":"1","x":NaN}',
            b'{"id":"\xff","status":"SUCCESS"}',
            b'{"id":"1"}x',
            b"<html>504</html>",
        ),
        *(b'{"id":null,"status":null,"progress":null}', b'{"id":"","status":"","progress":""}'),
        *(b'{"code":4,"description":"task_no_found ","type":"upstream_error"}', b'{"ok":true}'),
        b'{"timestamp":"2025-11-23","status":404,"error":"Not Found","path":"/mj/task"}',
    ],
)
def test_what_cannot_be_a_task_is_refused(body):
    with pytest.raises(NotATask):
        parse_progress(body)


@pytest.mark.parametrize("body", [b'{"id":"1"}', b'{"status":"SUBMITTED"}', b'{"progress":"5%"}', b'{"progress":0}'])
def test_one_claim_makes_a_task(body):
    assert parse_progress(body).status in ("NOT_START", "SUBMITTED")


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
@pytest.mark.parametrize("levels", [65, 1000, 100_000])
def test_a_body_nested_too_deep_is_refused(opening, levels):
    closing = b"]" if opening == b"[" else b"}"
    with pytest.raises(NotATask):
        parse_progress(b'{"id":"1","x":' + opening * levels + b"1" + closing * levels + b"}")


def test_a_body_of_64_levels_is_accepted_and_one_of_65_is_not():
    nested = [b'{"id":"1","x":' + b"[" * levels + b"]" * levels + b"}" for levels in (63, 64)]
    assert parse_progress(nested[0]).gateway_id == "1"
    with pytest.raises(NotATask):
        parse_progress(nested[1])


def test_a_broad_body_is_not_a_deep_one():
    assert len(progress(x=[[] for _ in range(500)]).properties["x"]) == 500


def test_a_byte_order_mark_is_forgiven():
    assert parse_progress(b'\xef\xbb\xbf{"id":"1"}').gateway_id == "1"


# Hooks, NUL and half characters


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(char):04x}" for char in text)


@pytest.mark.parametrize(
    "written",
    [
        *(
            TOKEN,
            HOOK,
            f"https%3A%2F%2Fx.example%2F{TOKEN}%3Fa",
            f"see {HOOK}?a=b for more",
            f"\\n{HOOK}\\n",
            f'\\"{HOOK}\\"',
        ),
        *(escaped(TOKEN), TOKEN.replace(".", "\\u002e"), TOKEN.replace(".", "\\u002E"), TOKEN.replace("-", "\\u002D")),
        *(TOKEN.replace("8", "\\u0038"), escaped(HOOK).upper().replace("\\U", "\\u"), TOKEN.replace(".", "\\u0000.")),
        *(f"{HOOK}\\\\", f"\\\\{HOOK}", f"{HOOK} {HOOK}", HOOK.replace("/", "\\/"), f"一{HOOK}二", f"\\ud83d{HOOK}"),
    ],
)
@pytest.mark.parametrize(
    "place",
    [
        *(
            '{"id":"1","properties":{"notifyHook":"%s","a":"b"}}',
            '{"id":"1","x":[{"y":["%s"]}]}',
            '{"id":"1","%s":"v"}',
        ),
        *('{"id":"1","imageUrl":"%s"}', '{"id":"1","status":"FAILURE","failReason":"%s"}', '{"id":"1","status":"%s"}'),
        *(
            '{"id":"1","buttons":[{"customId":"%s","label":"L"}]}',
            '{"id":"%s","progress":"5%%"}',
            '{"id":"1","videoUrl":"%s"}',
        ),
        '{"id":"1","properties":{"%s":"v"},"x":{"%s":["%s"]}}',
    ],
)
def test_no_spelling_of_our_hook_is_stored_anywhere(place, written):
    said = parse_progress((place % ((written,) * place.count("%s"))).encode())
    check_storable(said)
    assert TOKEN not in json.dumps(msgspec.to_builtins(said), ensure_ascii=False)


def test_only_the_text_that_holds_the_hook_is_blanked():
    said = progress(properties={"before": "x", "notifyHook": HOOK, "after": "y"}, note=f'say "{HOOK}"', state=HOOK)
    assert said.properties == {"before": "x", "notifyHook": "", "after": "y", "note": ""}


def test_many_hooks_in_one_body_are_all_blanked():
    said = progress(hooks=[HOOK] * 5000)
    assert said.properties == {"hooks": [""] * 5000}


def test_a_hook_outside_of_a_text_does_not_mend_a_broken_body():
    for body in (
        f'{{"id":"1",{TOKEN},"a":"b"}}',
        f'{{"id":"1","a":{TOKEN},"b":"c"}}',
        TOKEN,
        f'"{TOKEN}',
        f'{{"id":"1"}}{TOKEN}"',
    ):
        with pytest.raises(NotATask):
            parse_progress(body.encode())


def test_nul_is_left_out_and_half_a_character_replaced():
    body = b'{"id":"1\\u0000","status":"SUBMITTED","imageUrl":"a\\ud83d","p\\u0000q":["\\udc00b","\\ud83d\\ude00"]}'
    said = parse_progress(body)
    assert (said.gateway_id, said.image_url) == ("1", "a\ufffd")
    assert said.properties == {"pq": ["\ufffdb", "😀"]}
    check_storable(said)


# Lists and single fetches


def test_a_fetch_tells_whose_task_it_is():
    found = parse_listed(SAMPLES["java_imagine_progress"])
    assert found.state == "8123456789012345"
    assert found.progress == parse_progress(SAMPLES["java_imagine_progress"])
    assert parse_listed(SAMPLES["new_api_fresh"]).state is None


@pytest.mark.parametrize(
    "wrapping", ["%s", '{"content":%s,"totalElements":2}', '{"data":%s}', '{"list":%s}', '{"data":{"content":%s}}']
)
def test_a_list_is_found_in_its_wrapping_and_foreign_rows_are_skipped(wrapping):
    rows = (
        '[{"id":"1","state":"a","status":"SUCCESS"},null,7,"x",[],{},{"error":"x"},{"id":2,"state":8123456789012345}]'
    )
    found = parse_tasks((wrapping % rows).encode())
    assert [(each.state, each.progress.gateway_id, each.progress.status) for each in found] == [
        ("a", "1", "SUCCESS"),
        ("8123456789012345", "2", "NOT_START"),
    ]


def test_an_empty_list_is_a_list():
    assert parse_tasks(b"[]") == parse_tasks(b'{"content":[]}') == ()


@pytest.mark.parametrize(
    "body", [b"", b"null", b"{}", b'{"content":null}', b'{"code":4,"description":"x"}', b'"x"', SAMPLES["plus_modal"]]
)
def test_no_list_is_not_an_empty_list(body):
    with pytest.raises(NotATask):
        parse_tasks(body)


# Envelopes


@pytest.mark.parametrize(
    ("body", "envelope"),
    [
        (
            '{"code":1,"description":"提交成功","properties":{},"result":1320098173412546}',
            Envelope(code=1, description="提交成功", result="1320098173412546"),
        ),
        (
            '{"code":"22","description":"排队中，前面还有1个任务","properties":{"numberOfQueues":1},"result":"17"}',
            Envelope(code=22, description="排队中，前面还有1个任务", result="17", properties={"numberOfQueues": 1}),
        ),
        (
            '{"code":1,"description":"ok","result":9007199254740993123}',
            Envelope(code=1, description="ok", result="9007199254740993123"),
        ),
        (
            '{"code":1,"description":"ok","result":["https://a.example/1",2,null],"properties":null}',
            Envelope(code=1, description="ok", result="https://a.example/1", results=("https://a.example/1", "2")),
        ),
        ('{"code":23,"description":"队列已满","result":null}', Envelope(code=23, description="队列已满", result=None)),
        (
            '{"description":"task_status_not_success ","type":"upstream_error","code":4}',
            Envelope(code=4, description="task_status_not_success", result=None, error_type="upstream_error"),
        ),
        (
            '{"error":{"message":"no channel (request id: 1)","type":"new_api_error","code":"x"}}',
            Envelope(code=None, description="no channel (request id: 1)", result=None, error_type="new_api_error"),
        ),
        ('{"error":"broken"}', Envelope(code=None, description="broken", result=None)),
        (
            '{"success":false,"message":"并发数已达上限"}',
            Envelope(code=None, description="并发数已达上限", result=None, denied=True),
        ),
        (
            '{"success":false,"code":-1,"message":"no","data":null}',
            Envelope(code=-1, description="no", result=None, denied=True),
        ),
        ('{"success":false,"message":"no","data":{"id":1}}', Envelope(code=None, description="no", result=None)),
        ('{"success":false,"message":"no","result":"1"}', Envelope(code=None, description="no", result="1")),
        ('{"success":true,"message":"yes"}', Envelope(code=None, description="yes", result=None)),
        (
            '{"detail":"Not authenticated"}',
            Envelope(code=None, description='{"detail":"Not authenticated"}', result=None),
        ),
        ('{"code":1}', Envelope(code=1, description="", result=None)),
        ('{"code":true,"result":{}}', Envelope(code=None, description='{"code":true,"result":{}}', result=None)),
        (
            "Authorization header missing.\n",
            Envelope(code=None, description="Authorization header missing.", result=None),
        ),
        ('"账号已禁用"', Envelope(code=None, description="账号已禁用", result=None)),
        ("[]", Envelope(code=None, description="[]", result=None)),
        ("", Envelope(code=None, description="", result=None)),
    ],
)
def test_every_answer_to_a_submit_is_read(body, envelope):
    assert parse_envelope(body.encode()) == envelope


@pytest.mark.parametrize(
    "body", [b"x" * 10_000, b'{"code":4,"description":"%s"}' % (b"x" * 10_000), b'"%s"' % (b"x" * 10_000)]
)
def test_a_long_description_is_cut(body):
    assert parse_envelope(body).description == "x" * 500


@pytest.mark.parametrize(
    "body",
    [
        f'{{"code":1,"properties":{{"notifyHook":"{HOOK}"}},"result":"1"}}',
        HOOK,
        f'"{HOOK}"',
        f'{{"description":"{HOOK}"}}',
        f'["{HOOK}"]',
    ],
)
def test_no_envelope_holds_our_hook(body):
    check_storable(parse_envelope(body.encode()))


# Anything at all

strange = st.text(st.sampled_from("ab\0\ud800\udc00猫😀\u202e.-8") | st.characters(), max_size=12)
names = st.sampled_from(
    [
        *("id", "status", "progress", "imageUrl", "failReason", "startTime", "finishTime", "buttons", "properties"),
        *("state", "videoUrls", "videoUrl", "customId", "label", "emoji", "url", "task_id", "content", "data", "list"),
        *("code", "description", "result", "error", "message", "type"),
    ]
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | strange
    | st.sampled_from([HOOK, "SUCCESS", "FAILURE", "31%", "", 0]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names | strange, inner, max_size=6),
    max_leaves=20,
)


def check_any(body: bytes) -> None:
    for parse in (parse_progress, parse_listed, parse_tasks):
        try:
            check_storable(parse(body))
        except NotATask as error:
            assert str(error).endswith(".")
    envelope = parse_envelope(body)
    check_storable(envelope)
    assert len(envelope.description) <= 500


@given(st.binary(max_size=200))
def test_no_bytes_can_make_it_fail(body):
    check_any(body)


@given(values, st.booleans())
def test_no_json_can_make_it_fail(value, ascii_only):
    check_any(json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass"))


@given(st.dictionaries(names, values, max_size=12), st.booleans())
def test_nothing_in_the_shape_of_a_task_can_make_it_fail(value, ascii_only):
    check_any(json.dumps({"id": "1"} | value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass"))


@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_no_damaged_callback_can_make_it_fail(name, data):
    body = SAMPLES[name]
    at, until = sorted((data.draw(st.integers(0, len(body))), data.draw(st.integers(0, len(body)))))
    patch = data.draw(
        st.binary(max_size=8) | st.just(HOOK.encode()) | st.sampled_from([b'"', b"\\", b"\\u0000", b"[" * 70, b"}"])
    )
    check_any(body[:at] + patch + body[min(until, at + 8) :])
